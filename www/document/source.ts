// Which image a source is.

import type { ImageSource } from "./types.js";

/** The folder in which the image was opened; empty where it is not known. */
export function folderOf(source: ImageSource) {
  const path = (source.kind === "file" && source.path) || "";
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
