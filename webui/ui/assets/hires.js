// How large the hires pass makes a picture.

const LATENT = 8; // pixels per latent cell and side
const whole = (value) => Number.isInteger(value) && value > 0;

// {to_width, to_height}; null while the fields that decide it hold no usable numbers.
export function targetSize(values) {
  const { width, height, hires_scale: scale, hires_width: wide, hires_height: high } = values;
  if (!whole(width) || !whole(height)) return null;
  let size = [wide || 0, high || 0];
  if (!size[0] && !size[1]) {
    if (!(scale >= 1)) return null;
    size = [Math.trunc(width * scale), Math.trunc(height * scale)];
  } else if (!size[1]) size[1] = Math.trunc((size[0] * height) / width);
  else if (!size[0]) size[0] = Math.trunc((size[1] * width) / height);
  const [to_width, to_height] = size.map((side) => Math.floor(side / LATENT) * LATENT);
  return { to_width, to_height };
}
