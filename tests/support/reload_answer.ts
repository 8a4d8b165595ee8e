import type { ReloadAnswer } from "../../runtime/ports/services.ts";

/** What a reload answers where nothing changed. */
export const nothingChanged: ReloadAnswer = {
  added: [],
  changed: [],
  removed: [],
  refused: [],
  loaded_files: [],
  removed_files: [],
  refused_files: [],
};
