// Which part of the picture is seen, and how large. Lengths on the screen are CSS pixels.

const MOST = 32; // screen pixels for one of the picture
const LEFT_OVER = 48; // this much of the picture always stays in sight
const NO_BORDERS = { left: 0, right: 0, up: 0, down: 0 };

export class View {
  scale = 1;
  x = 0;
  y = 0;
  fitted = true;
  borders = NO_BORDERS;

  constructor() {
    this.screen = { width: 1, height: 1 };
    this.picture = { width: 1, height: 1 };
  }

  // The picture together with what outpainting adds, in pixels of the picture.
  get extent() {
    const { left, right, up, down } = this.borders;
    return {
      x: -left, y: -up,
      width: this.picture.width + left + right, height: this.picture.height + up + down,
    };
  }

  get whole() {
    const { width, height } = this.extent;
    return Math.min(this.screen.width / width, this.screen.height / height);
  }

  setBorders(borders) {
    this.borders = { ...NO_BORDERS, ...borders };
    this.fit();
  }

  fit() {
    const { x, y, width, height } = this.extent;
    this.scale = Math.min(this.whole, MOST);
    this.x = (this.screen.width - width * this.scale) / 2 - x * this.scale;
    this.y = (this.screen.height - height * this.scale) / 2 - y * this.scale;
    this.fitted = true;
  }

  // Zooms so that the picture's point under (x, y) stays there.
  zoom(factor, x = this.screen.width / 2, y = this.screen.height / 2) {
    const least = Math.min(this.whole / 2, 1);
    const scale = Math.min(MOST, Math.max(least, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.hold();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.hold();
  }

  hold() {
    const { x, y, width, height } = this.extent;
    const inside = (at, start, length, room) => Math.min(
      Math.max(at, LEFT_OVER - (start + length) * this.scale), room - LEFT_OVER - start * this.scale);
    this.x = inside(this.x, x, width, this.screen.width);
    this.y = inside(this.y, y, height, this.screen.height);
  }

  toPicture(x, y) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  resize(width, height) {
    const { screen } = this;
    const dx = (width - screen.width) / 2;
    const dy = (height - screen.height) / 2;
    this.screen = { width, height };
    if (this.fitted) this.fit();
    else {
      this.x += dx;
      this.y += dy;
      this.hold();
    }
  }
}
