import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { objectStoreSuite } from "./object_store_suite.ts";

objectStoreSuite("local folder", () => {
  const folder = Deno.makeTempDirSync();
  return {
    open: () => openLocalStore(`${folder}/store`),
    dispose: () => Deno.remove(folder, { recursive: true }),
  };
});
