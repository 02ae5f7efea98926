// Paths within a project file: those of the images' folders, as every file system takes them.

const MOST_LENGTH = 120;
/** Names that Windows keeps for devices. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** A name without what a file system may refuse. */
function safeName(name: string) {
  const safe = name.normalize("NFC").replace(/[\u0000-\u001f\u007f\\/:*?"<>|]/g, "_");
  const { stem, ending } = parted(safe);
  const short = [...stem].slice(0, MOST_LENGTH).join("").trim().replace(/^\.+/, "");
  const kept = short === "" ? "unnamed" : DEVICES.test(short) ? `${short}_` : short;
  return `${kept}${ending}`.replace(/[. ]+$/, "");
}

function parted(name: string) {
  const ending = /\.[a-z0-9]{1,8}$/i.exec(name)?.[0] ?? "";
  return { stem: name.slice(0, name.length - ending.length), ending };
}

/** The path without its ending. */
export function stemOf(path: string) {
  return parted(path).stem;
}

export class SafePaths {
  #taken = new Set<string>();

  /** A path like this one that is safe and unlike all before, whatever case a file system heeds. */
  unique(path: string): string {
    const names = path.split("/").filter((name) => name !== "" && name !== "." && name !== "..");
    const safe = names.map(safeName).join("/") || "unnamed";
    const { stem, ending } = parted(safe);
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? safe : `${stem} (${number})${ending}`;
      const key = candidate.toLowerCase();
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return candidate;
    }
  }
}
