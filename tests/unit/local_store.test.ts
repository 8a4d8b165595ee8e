import { afterEach, beforeEach, describe, expect, it } from "testing";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";
import { fileError, writeLocked } from "../../runtime/archive/durable_file.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("local object store", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await Deno.makeTempDir();
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  async function names(prefix = ""): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of (await openLocalStore(folder)).list(prefix)) found.push(name);
    return found;
  }

  const incoming = () => Array.from(Deno.readDirSync(`${folder}/~incoming`));

  it("what a dead writer left is not listed and is removed on opening", async () => {
    await (await openLocalStore(folder)).put("a", text("1"));
    await Deno.writeTextFile(`${folder}/~incoming/left`, "half");
    expect(await names()).toEqual(["a"]);
    expect(incoming()).toEqual([]);
  });

  it("opening does not remove what another writer is writing", async () => {
    await openLocalStore(folder);
    const path = `${folder}/~incoming/live`;
    await writeLocked(path, text("whole"), async () => {
      await openLocalStore(folder);
      await Deno.rename(path, `${folder}/b`);
    });
    expect(await Deno.readTextFile(`${folder}/b`)).toBe("whole");
  });

  it("put() leaves nothing behind, won or lost", async () => {
    const store = await openLocalStore(folder);
    await Promise.all([1, 2, 3].map(() => store.put("x/y", text("1"), { ifAbsent: true })));
    expect(incoming()).toEqual([]);
  });

  it("of two processes that claim the same name at once, one wins each", async () => {
    const script = `
      import { openLocalStore } from ${
      JSON.stringify(new URL("../../runtime/archive/local_store.ts", import.meta.url).href)
    };
      const store = await openLocalStore(Deno.args[0]);
      let won = 0;
      for (let n = 0; n < 60; n++) {
        if (await store.put("runs/" + n, new Uint8Array([n]), { ifAbsent: true })) won++;
      }
      console.log(won);`;
    const file = `${folder}/claim.ts`;
    await Deno.writeTextFile(file, script);
    const claim = async () => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--allow-all", file, `${folder}/store`],
      }).output();
      const told = new TextDecoder().decode(stdout);
      if (told === "") throw new Error(new TextDecoder().decode(stderr));
      return Number(told);
    };
    const won = await Promise.all([claim(), claim()]);
    expect(won[0] + won[1]).toBe(60);
  });

  it("loses no put to others who open the folder meanwhile and clean up", async () => {
    const store = await openLocalStore(folder);
    let ended = false;
    const others = [1, 2].map(async () => {
      while (!ended) await openLocalStore(folder);
    });
    for (let n = 0; n < 300; n++) {
      expect(await store.put(`swept/${n}`, text("1"), { ifAbsent: true })).toBe(true);
    }
    ended = true;
    await Promise.all(others);
  });

  it("a full disk is retriable, a forbidden folder is not", async () => {
    // A process of its own: only one that may do everything may open such a file.
    const code = `
      import { fileError, writeLocked } from ${
      JSON.stringify(new URL("../../runtime/archive/durable_file.ts", import.meta.url).href)
    };
      const error = await writeLocked("/dev/full", new Uint8Array(1), () => Promise.resolve())
        .then(() => null, (cause) => fileError("put object", cause));
      console.log(error?.name, error?.retriable, error?.message);`;
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
    expect(new TextDecoder().decode(stdout)).toMatch(/^ExternalError true .*No space left/);
    const denied = fileError("put object", new Deno.errors.PermissionDenied("denied"));
    expect(denied.retriable).toBe(false);
  });

  it("a folder that goes away is made again by the next put()", async () => {
    const store = await openLocalStore(folder);
    await store.put("d/1", text("1"));
    await Deno.remove(`${folder}/d`, { recursive: true });
    await expect(store.put("d/2", text("2"))).rejects.toThrow(ExternalError);
    expect(await store.put("d/2", text("2"))).toBe(true);
  });

  it("tableFunction() gives the absolute path, and a path that is a pattern is refused", async () => {
    const store = await openLocalStore(`${folder}/it's`);
    expect(store.tableFunction("dt=*/x.parquet", "a Int8"))
      .toBe(`file('${folder}/it\\'s/dt=*/x.parquet', 'Parquet', 'a Int8')`);
    await expect(openLocalStore(`${folder}/{a,b}`)).rejects.toThrow(UserError);
  });
});
