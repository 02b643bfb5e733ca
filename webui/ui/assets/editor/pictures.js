// Files become pictures, and pictures with strokes and masks become files.

import { encodePng } from "./png.js";
import { SIDE } from "./tiles.js";

export const MOST = 8192; // pixels along a side
const SMALL = 2048; // longest side of the copy that is shown while the whole is seen
const STRIPE = 256;

// Why a file cannot be used: a key of the texts, with its values.
export class Unusable extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

// { blob, bitmap, small, width, height, clear: can be seen through, once known }. The sides are looked
// at before anything is unpacked.
export async function openPicture(blob, convert) {
  const image = await decoded(blob).catch((error) => {
    if (!convert || error.key !== "editor.unreadable") throw error;
    return convert(blob).then(decoded);
  });
  const bitmap = await createImageBitmap(image).catch(unreadable);
  const { width, height } = bitmap;
  const share = SMALL / Math.max(width, height);
  const small = share < 1
    ? await createImageBitmap(bitmap, {
      resizeWidth: Math.max(1, Math.round(width * share)),
      resizeHeight: Math.max(1, Math.round(height * share)),
      resizeQuality: "medium",
    })
    : bitmap;
  return { blob, bitmap, small, width, height };
}

async function decoded(blob) {
  if (!blob.size || blob.type.includes("svg")) unreadable();
  const address = URL.createObjectURL(blob);
  try {
    const image = new Image();
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
      image.src = address;
    }).catch(unreadable);
    const { naturalWidth: width, naturalHeight: height } = image;
    if (Math.max(width, height) > MOST) {
      throw new Unusable("editor.too_large", { width, height, limit: MOST });
    }
    await image.decode().catch(unreadable);
    return image;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function unreadable() {
  throw new Unusable("editor.unreadable");
}

// The picture's pixels in stripes: yields [top, RGBA values].
function* stripes(bitmap) {
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(STRIPE, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIPE) {
    const rows = Math.min(STRIPE, height - top);
    pen.clearRect(0, 0, width, rows);
    pen.drawImage(bitmap, 0, -top);
    yield [top, pen.getImageData(0, 0, width, rows).data];
  }
}

export function colorAt(bitmap, x, y) {
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, -Math.floor(x), -Math.floor(y));
  return [...pen.getImageData(0, 0, 1, 1).data];
}

// The picture as it is, or with the strokes on it. Where there is no stroke no pixel changes.
export async function withStrokes(picture, sketch) {
  if (sketch.empty) return picture.blob;
  const { bitmap, width, height } = picture;
  picture.clear ??= hasAlpha(bitmap);
  const file = picture.clear ? null : await byCanvas(bitmap, sketch);
  if (file) return file;
  const source = stripes(bitmap);
  return encodePng(width, height, 4, (top, bottom) => {
    const [, values] = source.next().value;
    draw(values, sketch.read(top, bottom));
    return values;
  });
}

// The fast way, for pictures that cannot be seen through; null where a canvas may not be that large.
function byCanvas(bitmap, sketch) {
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!pen) return null;
  pen.drawImage(bitmap, 0, 0);
  sketch.tiles.forEach((tile, index) => {
    if (!tile) return;
    const { x, y, width, height } = sketch.place(index);
    const image = pen.getImageData(x, y, width, height);
    for (let row = 0; row < height; row += 1) {
      const line = image.data.subarray(4 * row * width, 4 * (row + 1) * width);
      draw(line, tile.subarray(4 * row * SIDE, 4 * (row * SIDE + width)));
    }
    pen.putImageData(image, x, y);
  });
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
}

function hasAlpha(bitmap) {
  for (const [, values] of stripes(bitmap)) {
    for (let at = 3; at < values.length; at += 4) if (values[at] !== 255) return true;
  }
  return false;
}

// Draws colours over others, both RGBA.
function draw(under, over) {
  for (let at = 0; at < under.length; at += 4) {
    const strength = over[at + 3];
    if (!strength) continue;
    const alpha = strength + (under[at + 3] * (255 - strength)) / 255;
    const part = strength / alpha;
    for (let channel = at; channel < at + 3; channel += 1) {
      under[channel] = Math.round(over[channel] * part + under[channel] * (1 - part));
    }
    under[at + 3] = Math.round(alpha);
  }
}

// A mask as a grey PNG, white where it is to be painted anew; null where nothing is.
export function maskFile(layer) {
  if (layer.empty) return null;
  const { width, height, depth } = layer;
  return encodePng(width, height, 1, (top, bottom) => {
    const values = layer.read(top, bottom);
    return depth === 1 ? values : touched(values);
  });
}

// Every pixel that carries colour.
function touched(colors) {
  const target = new Uint8Array(colors.length / 4);
  for (let at = 0; at < target.length; at += 1) target[at] = colors[4 * at + 3] ? 255 : 0;
  return target;
}

// Reads a mask into the layer, whose change has begun: alpha where the file has it, else the
// luminance, as the engine reads masks. Returns the file's own size.
export async function readMask(blob, layer) {
  const image = await decoded(blob);
  const own = { width: image.naturalWidth, height: image.naturalHeight };
  const { width, height } = layer;
  const fits = own.width === width && own.height === height;
  const size = fits ? {} : { resizeWidth: width, resizeHeight: height, resizeQuality: "high" };
  const bitmap = await createImageBitmap(image, { colorSpaceConversion: "none", ...size }).catch(unreadable);
  const alpha = hasAlpha(bitmap);
  layer.clear();
  for (const [top, values] of stripes(bitmap)) {
    const grey = new Uint8Array(values.length / 4);
    for (let at = 0, from = 0; at < grey.length; at += 1, from += 4) {
      grey[at] = alpha ? values[from + 3] : luminance(values[from], values[from + 1], values[from + 2]);
    }
    layer.write(top, grey);
  }
  bitmap.close();
  return own;
}

// ITU-R 601-2, in whole numbers, so that a grey stays itself.
const luminance = (red, green, blue) => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
