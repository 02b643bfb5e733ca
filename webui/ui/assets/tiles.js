// How many tiles SD upscale draws, as webui/core/tile_grid.py says it.

const CELL = 8;
const SMALLEST = 64;
const NOT_ENLARGED = "None";

// What becomes of a picture of size `start`: its width and height, the number of tiles, and their
// width and height. null while the fields that decide it hold no usable numbers.
export function gridOf(start, values) {
  const { width, height, tile_scale: scale, tile_overlap: overlap, tile_upscaler: upscaler } = values;
  if (!start || !(scale >= 1) || !(overlap >= 0) || !(Math.min(width, height) > overlap)) return null;
  const factor = upscaler === NOT_ENLARGED ? 1 : scale;
  const size = [start.width, start.height].map((side) => Math.max(1, Math.round(side * factor)));
  const tile = [width, height].map((asked, at) => Math.min(asked, Math.max(SMALLEST, Math.ceil(size[at] / CELL) * CELL)));
  const counts = tile.map((side, at) => (size[at] > side ? Math.ceil((size[at] - side) / (side - overlap)) + 1 : 1));
  return { width: size[0], height: size[1], tiles: counts[0] * counts[1], tile_width: tile[0], tile_height: tile[1] };
}
