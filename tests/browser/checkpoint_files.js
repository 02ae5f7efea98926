// Checkpoints that are wrong in one way each.

import { crc32 } from "node:zlib";

/** @typedef {{dtype: string, shape: number[], data_offsets: [number, number]}} Tensor */

/** A safetensors file with another header. @param {Buffer} file @param {(tensors: Record<string, Tensor>) => void} change */
export function withHeader(file, change) {
  const end = 8 + Number(file.readBigUInt64LE(0));
  const tensors = JSON.parse(file.toString("utf8", 8, end));
  change(tensors);
  const header = Buffer.from(JSON.stringify(tensors));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, file.subarray(end)]);
}

/** The file with another header length and the same header. @param {Buffer} file @param {bigint} length */
export function withHeaderLength(file, length) {
  const changed = Buffer.from(file.subarray(0, 4096));
  changed.writeBigUInt64LE(length, 0);
  return changed;
}

/** A zip of one stored entry. @param {string} name @param {Buffer} data */
function zip(name, data) {
  // Version, flags, method (stored), time and date, CRC, both sizes, length of the name, none of an extra field.
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), data]);
  // The comment's length, disk and attributes, and where the local entry is, all 0.
  const central = Buffer.concat([Buffer.from("PK\x01\x02\x14\0"), common, Buffer.alloc(14), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** What torch.load would run: `os.system(command)`, as a .pth. @param {string} command */
export function callingCheckpoint(command) {
  // GLOBAL, then the argument in a tuple of one, REDUCE and STOP, in protocol 2.
  const text = Buffer.from(command);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const pickle = Buffer.concat([Buffer.from("\x80\x02cos\nsystem\nX", "latin1"), size, text, Buffer.from("\x85R.", "latin1")]);
  return zip("archive/data.pkl", pickle);
}
