/** Copies a folder of text files. */
export async function copy(from: URL, to: URL): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) {
      await copy(new URL(`${entry.name}/`, from), new URL(`${entry.name}/`, to));
    } else {
      await Deno.copyFile(new URL(entry.name, from), new URL(entry.name, to));
    }
  }
}
