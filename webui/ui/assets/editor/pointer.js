// Mouse, pen and fingers on the picture. One finger draws, two move and zoom; after a pen was seen
// fingers only move. Space, F, the middle and the right button move as well.

const SLIP = 12; // a stroke shorter than this, in CSS pixels, was the first of two fingers
const STEP = 1.1; // zoom and brush size for one notch of the wheel
const NOTCH = 100; // what browsers report for a notch

// actions: { tool(), paints(), begin(point, erase), line(from, to), end(), cancel(), pick(point),
// panning(active), size(factor), moved() }; points are in pixels of the picture.
export class Pointer {
  constructor(screen, view, held, actions) {
    Object.assign(this, { screen, view, held, actions });
    this.down = new Map();
    this.stroke = null;
    this.last = null; // end of the last stroke, where Shift begins a straight line
    this.pen = false;
    this.hover = null;
    const node = screen.node;
    const on = (name, work, options) => node.addEventListener(name, work, options);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("lostpointercapture", (event) => this.release(event));
    on("pointerleave", () => this.place(null));
    on("contextmenu", (event) => this.screen.picture && event.preventDefault());
    on("mousedown", (event) => event.button === 1 && event.preventDefault()); // or the page scrolls
    on("wheel", (event) => this.wheel(event), { passive: false });
  }

  at(event) {
    const { node } = this.screen;
    const box = node.getBoundingClientRect(); // with its frame
    return { x: event.clientX - box.left - node.clientLeft, y: event.clientY - box.top - node.clientTop };
  }

  point(event) {
    const { x, y } = this.at(event);
    const point = this.view.toPicture(x, y);
    if (event.pointerType === "pen") point.pressure = event.pressure;
    return point;
  }

  press(event) {
    if (!this.screen.picture) return;
    this.screen.node.setPointerCapture(event.pointerId);
    this.pen ||= event.pointerType === "pen";
    this.down.set(event.pointerId, { ...this.at(event), pan: this.pans(event) });
    if (this.down.size > 1) {
      this.giveUp();
      return;
    }
    this.place(event);
    if (this.down.get(event.pointerId).pan) this.actions.panning(true);
    else if (this.picks(event)) this.actions.pick(this.point(event));
    else this.start(event);
  }

  pans(event) {
    return event.button === 1 || event.button === 2 || this.held.has(" ") || this.held.has("f")
      || !this.actions.paints() || this.actions.tool() === "hand"
      || (event.pointerType === "touch" && this.pen);
  }

  picks(event) {
    return this.actions.tool() === "pick" || event.altKey;
  }

  start(event) {
    const point = this.point(event);
    const from = event.shiftKey && this.last ? this.last : point;
    this.stroke = { id: event.pointerId, point, length: 0, screen: this.at(event) };
    this.actions.begin((event.buttons & 32) !== 0); // 32: the other end of a pen
    this.actions.line({ ...from, pressure: point.pressure }, point);
  }

  move(event) {
    const before = this.hover || this.at(event);
    this.place(event);
    const known = this.down.get(event.pointerId);
    if (this.stroke?.id === event.pointerId) this.draw(event);
    else if (known && this.down.size > 1) this.pinch(event, known);
    else if (known?.pan) this.pan(event, known);
    else if (!known && this.held.has("f")) this.pan(event, before);
    if (known) Object.assign(known, this.at(event));
  }

  draw(event) {
    const passed = event.getCoalescedEvents?.() || [];
    for (const one of passed.length ? passed : [event]) {
      const point = this.point(one);
      this.actions.line(this.stroke.point, point);
      this.stroke.point = point;
      const { x, y } = this.at(one);
      this.stroke.length += Math.hypot(x - this.stroke.screen.x, y - this.stroke.screen.y);
      this.stroke.screen = { x, y };
    }
  }

  pan(event, from) {
    const { x, y } = this.at(event);
    this.view.pan(x - from.x, y - from.y);
    this.actions.moved();
  }

  // Two fingers: their middle moves the picture, their distance zooms it.
  pinch(event, known) {
    const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const { x, y } = this.at(event);
    const wide = (a) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
    this.view.pan((x - known.x) / 2, (y - known.y) / 2);
    this.view.zoom(wide({ x, y }) / wide(known), (x + other.x) / 2, (y + other.y) / 2);
    this.actions.moved();
  }

  release(event) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.stroke?.id === event.pointerId) {
      this.last = this.stroke.point;
      this.stroke = null;
      this.actions.end();
    }
    if (!this.down.size) this.actions.panning(false);
    if (event.pointerType === "touch") this.place(null);
  }

  // A second finger came: what the first has drawn so far is a slip, or a stroke that ends here.
  giveUp() {
    if (!this.stroke) return;
    const { length } = this.stroke;
    this.stroke = null;
    if (length < SLIP) this.actions.cancel();
    else this.actions.end();
  }

  wheel(event) {
    if (!this.screen.picture) return;
    const notches = -(event.deltaMode ? event.deltaY * 33 : event.deltaY || event.deltaX) / NOTCH;
    const squeezed = event.ctrlKey && !this.held.has("control"); // two fingers on a touchpad
    const active = document.activeElement === this.screen.node;
    if ((event.ctrlKey || event.metaKey) && !squeezed) this.actions.size(STEP ** notches);
    else if (squeezed || event.altKey || active) {
      const { x, y } = this.at(event);
      this.view.zoom((squeezed ? 3 * STEP : STEP) ** notches, x, y);
      this.actions.moved();
    } else return; // the page scrolls
    event.preventDefault();
    this.place(event);
  }

  // Shows the brush's outline where the pointer is.
  place(event) {
    this.hover = event && event.pointerType !== "touch" ? this.at(event) : null;
    this.actions.moved(this.hover);
  }
}
