// Which image a source is, and what files about it are called.

import type { ImageSource } from "./types.js";

/** The folder in which the image was opened; empty where it is not known. */
export function folderOf(source: ImageSource) {
  const path = (source.kind === "file" && source.path) || "";
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The name without its ending, of a stack with the page, as the engine's exports have it. @param pages of the file */
export function stemOf({ name, page = 0 }: ImageSource, pages: number) {
  const stem = name.replace(/(.)\.[^.]*$/, "$1");
  return pages > 1 ? `${stem}-p${String(page + 1).padStart(4, "0")}` : stem;
}
