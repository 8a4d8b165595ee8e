/**
 * Lets syncs of write-ahead logs fail in this process.
 *
 * @returns what arms it: the next sync fails, and those after it succeed, as on Linux; and what
 * undoes it.
 */
export function failSyncs(): { arm: () => void; undo: () => void } {
  const { openSync } = Deno;
  let armed = false;
  Deno.openSync = (path, options) => {
    const file = openSync(path, options);
    if (!String(path).endsWith("-wal")) return file;
    const syncData = file.syncData.bind(file);
    file.syncData = async () => {
      const fails = armed;
      armed = false;
      await syncData();
      if (fails) throw new Error("Input/output error (os error 5)");
    };
    return file;
  };
  return {
    arm: () => void (armed = true),
    undo: () => void (Deno.openSync = openSync),
  };
}
