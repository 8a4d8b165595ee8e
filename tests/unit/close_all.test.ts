import { describe, expect, it } from "testing";
import { closeAll } from "../../runtime/std/close_all.ts";

describe("closeAll()", () => {
  const fails = (why: string) => () => Promise.reject(new Error(why));

  it("closes one after the other, also those behind one that cannot be closed", async () => {
    const steps: string[] = [];
    const slow = async () => {
      steps.push("slow begins");
      await Promise.resolve();
      steps.push("slow ends");
    };
    const closing = closeAll([slow, fails("the server is gone"), () => steps.push("last")]);
    await expect(closing).rejects.toThrow("the server is gone");
    expect(steps).toEqual(["slow begins", "slow ends", "last"]);
  });

  it("throws all errors where several fail, those thrown at once too", async () => {
    const throws = () => {
      throw new RangeError("the file is gone");
    };
    const error = await closeAll([throws, fails("the server is gone")]).catch((each) => each);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors.map(({ name }: Error) => name)).toEqual(["RangeError", "Error"]);
    expect(error.message)
      .toBe("Cannot close everything: the file is gone; the server is gone");
  });
});
