import { describe, expect, it } from "testing";
import { z } from "zod";
import { bodyFault } from "../../routes/api/body_fault.ts";

const schema = z.strictObject({
  by: z.string().min(1).max(5),
  limit: z.int().min(1).max(1000).optional(),
  dry_run: z.boolean().optional(),
  layer: z.enum(["batch", "speed"]).optional(),
  letters: z.array(z.string()).max(2).optional(),
});

/** The fault of a body that is not valid. */
function faultOf(body: unknown) {
  const { error } = schema.safeParse(body, { reportInput: true });
  return bodyFault(schema, error!.issues[0]);
}

describe("bodyFault", () => {
  it.each<[body: unknown, field: string, detail: string]>([
    [{}, "by", "by must be text, got nothing"],
    [{ by: 7 }, "by", "by must be text, got 7"],
    [{ by: "" }, "by", 'by must be text that is not empty, got ""'],
    [{ by: "a", dry_run: "yes" }, "dry_run", 'dry_run must be true or false, got "yes"'],
    [{ by: "a", limit: 0 }, "limit", "limit must be at least 1, got 0"],
    [{ by: "a", limit: 1.5 }, "limit", "limit must be a whole number, got 1.5"],
    [{ by: "a", layer: "new" }, "layer", 'layer must be one of batch, speed, got "new"'],
    [{ by: "a", letters: [1] }, "letters.0", "letters.0 must be text, got 1"],
    [
      { by: "a", letters: ["1", "2", "3"] },
      "letters",
      'letters must be a list of at most 2, got ["1","2","3"]',
    ],
    [[], "body", "body must be an object, got []"],
    [
      { by: "a", limt: 3 },
      "limt",
      "limt is not a known field; expected by, limit, dry_run, layer, letters; did you mean " +
      '"limit"?',
    ],
  ])("%j: names the field, what was expected and what came", (body, field, detail) => {
    expect(faultOf(body)).toEqual({ field, detail });
  });
});
