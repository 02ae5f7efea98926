// Where the site's files are. The build makes this a part of main.js, which lies in the same folder.

/** The address of a file, for the page alone: workers' scripts lie in folders of their own. @param path in www/ */
export function addressOf(path: string): URL {
  return new URL(path, import.meta.url);
}
