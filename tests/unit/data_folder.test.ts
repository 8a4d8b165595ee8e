import { afterEach, beforeEach, describe, expect, it } from "testing";
import { UserError } from "../../runtime/std/errors.ts";
import { claimDirectory, readOwner, withFolderFaults } from "../../runtime/engine/data_folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await Deno.makeTempDir({ prefix: "data-folder-" });
});
afterEach(() => Deno.remove(dir, { recursive: true }));

describe("claimDirectory()", () => {
  it("makes the folder and tells who owns it", async () => {
    const path = `${dir}/new/folder`;
    expect(await readOwner(path)).toBe(null);
    const claim = await claimDirectory(path, 3);
    await claim.update({ url: "http://127.0.0.1:8000" });
    const owner = await readOwner(path);
    expect(owner).toMatchObject({
      pid: Deno.pid,
      url: "http://127.0.0.1:8000",
      formatVersion: 3,
    });
    expect(owner?.started).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    await claim.release();
    expect(await readOwner(path)).toBe(null);
  });
  it("lets no other user into a new folder, an empty one and one of an earlier start", async () => {
    const modeOf = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
    const claimed = async (path: string) => {
      await (await claimDirectory(path)).release();
      return await modeOf(path);
    };
    expect(await claimed(`${dir}/new`)).toBe(0o700);
    await Deno.mkdir(`${dir}/empty`, { mode: 0o755 });
    expect(await claimed(`${dir}/empty`)).toBe(0o700);
    await Deno.chmod(`${dir}/empty`, 0o755);
    expect(await claimed(`${dir}/empty`)).toBe(0o700);
    await Deno.mkdir(`${dir}/others`, { mode: 0o755 });
    await Deno.writeTextFile(`${dir}/others/letters.txt`, "");
    expect(await claimed(`${dir}/others`)).toBe(0o755);
  });
  it("refuses a second owner and names the first", async () => {
    const claim = await claimDirectory(dir);
    const error = await claimDirectory(dir).catch((error) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(new RegExp(`it is owned by process ${Deno.pid} since 2`));
    await claim.release();
    await claim.release();
    const again = await claimDirectory(dir);
    await again.release();
  });
  it("lets one of many that claim at once have the folder", async () => {
    const claims = await Promise.allSettled(
      Array.from({ length: 8 }, () => claimDirectory(dir)),
    );
    const won = claims.filter((claim) => claim.status === "fulfilled");
    expect(won.length).toBe(1);
    await won[0].value.release();
  });
  it("succeeds while others look who owns the folder", async () => {
    await (await claimDirectory(dir)).release();
    const looking = Array.from({ length: 50 }, () => readOwner(dir));
    const claim = await claimDirectory(dir);
    for (const owner of await Promise.all(looking)) {
      expect([undefined, Deno.pid]).toContain(owner?.pid);
    }
    expect((await readOwner(dir))?.pid).toBe(Deno.pid);
    await claim.release();
  });
  it("takes over from an owner that was killed", async () => {
    const owner = await startOwner(dir);
    expect((await readOwner(dir))?.pid).toBe(owner.pid);
    await expect(claimDirectory(dir)).rejects
      .toThrow(`it is owned by process ${owner.pid} since`);
    owner.kill("SIGKILL");
    await owner.status;
    expect(await readOwner(dir)).toBe(null);
    const claim = await claimDirectory(dir, 2);
    expect((await readOwner(dir))?.pid).toBe(Deno.pid);
    await claim.release();
  });
  it("refuses a folder of a newer format and leaves it as it is", async () => {
    await (await claimDirectory(dir, 5)).release();
    await expect(claimDirectory(dir, 4)).rejects
      .toThrow("its data are of format 5, this version knows format 4");
    const claim = await claimDirectory(dir, 5);
    expect(await readOwner(dir)).toMatchObject({ formatVersion: 5 });
    await claim.release();
  });
});

/** Another process that owns `dir`; returns once it does. */
async function startOwner(dir: string): Promise<Deno.ChildProcess> {
  const url = new URL("../../runtime/engine/data_folder.ts", import.meta.url);
  const script = `${dir}-owner.ts`;
  await Deno.writeTextFile(
    script,
    `import { claimDirectory } from "${url}";
     await claimDirectory(${JSON.stringify(dir)});
     console.log("owned");
     setInterval(() => {}, 1000);`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-write", script],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("owned\n");
  await reader.cancel();
  await Deno.remove(script);
  return child;
}

describe("withFolderFaults()", () => {
  it("names folder, file and what to do when the file system refuses", async () => {
    const file = `${dir}/file`;
    await Deno.writeTextFile(file, "");
    const claim = () => claimDirectory(`${file}/data`);
    await expect(withFolderFaults(`${file}/data`, claim)).rejects.toThrow(
      /^Cannot open the data folder ".*file\/data": Not a directory .*; make it a folder that /,
    );
    await expect(readOwner(file)).rejects.toThrow("Cannot open the data folder");
  });

  it("passes other errors on", async () => {
    const fault = new UserError("a plugin");
    await expect(withFolderFaults(dir, () => Promise.reject(fault))).rejects.toBe(fault);
  });
});
