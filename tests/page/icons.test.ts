// The icons that phones and desktops show of the installed page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { decode } from "fast-png";

const ROOT = new URL("../../../../", import.meta.url);

async function pixelsOf(name: string) {
  const { width, height, channels, data } = decode(await readFile(new URL(`www/${name}`, ROOT)));
  const at = (x: number, y: number) => [...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels)];
  return { width, height, channels, at };
}

test("the manifest has icons of the sizes that it names, one of which may be cut to any shape", async () => {
  const manifest = JSON.parse(await readFile(new URL("www/app.webmanifest", ROOT), "utf8"));
  const pictures = (manifest.icons as { src: string; sizes: string; purpose?: string }[]).filter(({ src }) => src.endsWith(".png"));
  assert.deepEqual(
    pictures.map(({ sizes, purpose }) => `${sizes} ${purpose ?? "any"}`),
    ["192x192 any", "512x512 any", "512x512 maskable"],
  );
  for (const { src, sizes, purpose } of pictures) {
    const { width, height, channels, at } = await pixelsOf(src);
    assert.equal(`${width}x${height}`, sizes);
    const blue = [0x19, 0xb5, 0xe6];
    assert.deepEqual(at(width / 2, height / 2).slice(0, 3), blue, "the object in the middle");
    if (purpose !== "maskable") assert.deepEqual(at(0, 0)[3], 0, "its corners are round");
    if (purpose !== "maskable") continue;
    assert.equal(channels, 3, "nothing shines through");
    // Only what is within 40% of the middle is sure to be seen.
    const ground = [0x2b, 0x34, 0x40];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (Math.hypot(x - width / 2, y - height / 2) > 0.4 * width) assert.deepEqual(at(x, y), ground);
      }
    }
  }
});

test("the page names its icon for iOS, and the colour of its frame", async () => {
  const page = await readFile(new URL("index.html", ROOT), "utf8");
  const [, icon] = page.match(/<link rel="apple-touch-icon" href="www\/([^"]*)">/) ?? assert.fail("there is none");
  const { width, height, channels } = await pixelsOf(icon);
  assert.deepEqual([width, height, channels], [180, 180, 3]);
  assert.match(page, /<meta name="theme-color" content="#2b3440">/);
});
