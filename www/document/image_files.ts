// Which files of a folder are images: by their endings or, as archives and discs give DICOM files none, by content.

export const MODEL_FILE = /\.(safetensors|pth?|bin)$/i;
const IMAGE_FILE = /\.(png|jpe?g|tiff?|bmp|webp|dcm|dicom)$/i;
/** The list of a disc's images, which holds none itself. */
const DIRECTORY = /^DICOMDIR(\.dcm)?$/i;
/** Behind a preamble of 128 bytes. */
const MAGIC = "DICM";
const PREAMBLE = 128;
/** The groups of elements with which a file without a preamble begins. */
const FIRST_GROUPS = [0x0002, 0x0008];

/** Those that are images. */
export async function imagesOf<T extends Blob & { name: string }>(files: T[]): Promise<T[]> {
  const found: T[] = [];
  for (const file of files) {
    if (DIRECTORY.test(file.name) || MODEL_FILE.test(file.name)) continue;
    if (IMAGE_FILE.test(file.name) || (await isDicom(file))) found.push(file);
  }
  return found;
}

/** Whether the content of a file is DICOM; not of one that cannot be read. The engine looks more closely. */
async function isDicom(file: Blob): Promise<boolean> {
  try {
    const bytes = new Uint8Array(await file.slice(0, PREAMBLE + MAGIC.length).arrayBuffer());
    if (String.fromCharCode(...bytes.subarray(PREAMBLE)) === MAGIC) return true;
    return [0, 1, 2, 3, 4, 5, 6, 7, 8].some((start) => beginsWithElement(bytes.subarray(start)));
  } catch {
    return false;
  }
}

/** Whether the first element is one of those groups, names its representation or is short, and is followed by another. */
function beginsWithElement(bytes: Uint8Array) {
  if (bytes.length < PREAMBLE / 2) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const littleEndian = view.getUint16(0, true) < view.getUint16(0);
  const group = view.getUint16(0, littleEndian);
  const explicit = /^(AE|CS|DA|DT|IS|LO|SH|TM|UI|UL|US)$/.test(String.fromCharCode(bytes[4], bytes[5]));
  const length = explicit ? view.getUint16(6, littleEndian) : view.getUint32(4, littleEndian);
  const next = 8 + length;
  if (!FIRST_GROUPS.includes(group) || next + 4 > bytes.length) return false;
  const [element, nextGroup, nextElement] = [2, next, next + 2].map((at) => view.getUint16(at, littleEndian));
  return nextGroup === group ? nextElement > element : nextGroup === 0x0008;
}
