// Writes PNG files row by row. A canvas has no grey pictures, and a limit to its size.
// Format: W3C, Portable Network Graphics Specification.

const SIGNATURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOR_TYPES = { 1: 0, 4: 6 };
const ROWS = 256;
const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  let rest = value;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

// `rows(top, bottom)` gives the bytes of these rows, `channels` (1 or 4) for each pixel.
export async function encodePng(width, height, channels, rows) {
  const packer = new CompressionStream("deflate");
  const packed = collect(packer.readable);
  const writer = packer.writable.getWriter();
  for (let top = 0; top < height; top += ROWS) {
    const bottom = Math.min(height, top + ROWS);
    await writer.write(filtered(rows(top, bottom), width * channels, channels));
  }
  await writer.close();
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, COLOR_TYPES[channels], 0, 0, 0], 8);
  const parts = [SIGNATURE, ...chunk("IHDR", head)];
  for (const part of await packed) parts.push(...chunk("IDAT", part));
  parts.push(...chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

async function collect(stream) {
  const parts = [];
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return parts;
    parts.push(value);
  }
}

// Each row with its filter: none for masks, the difference to the pixel on the left for colours.
function filtered(values, line, channels) {
  const rows = values.length / line;
  const target = new Uint8Array(values.length + rows);
  for (let row = 0; row < rows; row += 1) {
    const from = row * line;
    const to = from + row;
    if (channels === 1) {
      target.set(values.subarray(from, from + line), to + 1);
      continue;
    }
    target[to] = 1;
    for (let at = 0; at < line; at += 1) {
      target[to + 1 + at] = values[from + at] - (at < channels ? 0 : values[from + at - channels]);
    }
  }
  return target;
}

function chunk(name, content) {
  const label = new TextEncoder().encode(name);
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, content.length);
  const check = new DataView(new ArrayBuffer(4));
  check.setUint32(0, (crc(crc(0xffffffff, label), content) ^ 0xffffffff) >>> 0);
  return [length.buffer, label, content, check.buffer];
}

function crc(start, bytes) {
  let rest = start;
  for (let at = 0; at < bytes.length; at += 1) rest = CRC[(rest ^ bytes[at]) & 255] ^ (rest >>> 8);
  return rest;
}
