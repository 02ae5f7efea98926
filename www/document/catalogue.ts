// The models that the page offers for download, as a file of JSON lists them.

import type { CatalogueEntry, ModelFile } from "./types.js";

/** A file of a model, as it is downloaded and kept. */
export interface StoredFile extends ModelFile {
  /** What it is kept under. */
  key: string;
  /** What it is called. */
  name: string;
}

/** Of a known digest, or else of the model's own name. */
function keyOf({ sha256 }: ModelFile, id: string) {
  return sha256 ?? `unverified-${id}`;
}

/** The model's file, and that of its decoder of instances if it has one of its own. */
export function filesOf(entry: CatalogueEntry): StoredFile[] {
  const { id, name, addresses, bytes, sha256, decoder } = entry;
  const model = { key: keyOf(entry, id), name, addresses, bytes, sha256 };
  return decoder ? [model, { ...decoder, key: keyOf(decoder, `${id}-decoder`), name: `${name} (decoder)` }] : [model];
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0;
}

function isFile(value: unknown): value is ModelFile {
  const { addresses, bytes, sha256 } = (value ?? {}) as Partial<ModelFile>;
  return (
    Array.isArray(addresses) &&
    addresses.length > 0 &&
    addresses.every(isText) &&
    (bytes === null || (Number.isSafeInteger(bytes) && Number(bytes) > 0)) &&
    (sha256 === null || /^[0-9a-f]{64}$/.test(String(sha256)))
  );
}

function isEntry(value: unknown): value is CatalogueEntry {
  const entry = (value ?? {}) as Partial<CatalogueEntry>;
  const texts = [entry.name, entry.description, entry.licence, entry.licence_url];
  const named = /^[a-z0-9-]+$/.test(String(entry.id)) && texts.every(isText);
  return named && (entry.decoder === undefined || isFile(entry.decoder)) && isFile(entry);
}

/**
 * @param base the catalogue's own address, from which relative ones start
 * @throws when it is no catalogue
 */
export function readCatalogue(json: unknown, base: URL): CatalogueEntry[] {
  const bad = Array.isArray(json) ? json.findIndex((entry) => !isEntry(entry)) : 0;
  if (!Array.isArray(json) || bad >= 0) {
    throw new Error(
      `Entry ${bad + 1} of the catalogue ${base.pathname} is not as it should be: each needs id (small letters, digits, dashes), name, description, addresses, bytes and sha256 (or null), licence and licence_url.`,
    );
  }
  const absolute = ({ addresses, bytes, sha256 }: ModelFile) => ({
    addresses: addresses.map((address) => new URL(address, base).href),
    bytes,
    sha256,
  });
  const entries = json.map((entry: CatalogueEntry): CatalogueEntry => ({
    ...entry,
    ...absolute(entry),
    licence_url: new URL(entry.licence_url, base).href,
    decoder: entry.decoder && absolute(entry.decoder),
  }));
  const ids = new Set(entries.map(({ id }) => id));
  if (ids.size < entries.length) throw new Error(`Two models of the catalogue ${base.pathname} have the same id; give each its own.`);
  return entries;
}
