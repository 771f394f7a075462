/** Pointer and wheel on the map, told apart: move, drag, pinch, click, lasso, and what asks for the menu. */

export interface Gestures {
  lassoing(): boolean;
  hover(px: number, py: number): void;
  leave(): void;
  pan(dx: number, dy: number): void;
  zoom(px: number, py: number, factor: number): void;
  click(px: number, py: number, event: PointerEvent): void;
  double(px: number, py: number): void;
  /** The right button, or a finger that stays. */
  menu(px: number, py: number): void;
  /** The outline so far, in pixels; `done` when the pointer was lifted. */
  lasso(path: number[], done: boolean): void;
}

/** A press that moves less than this is a click. */
const SLOP = 4;
/** A finger that stays so long asks for the menu. */
const LONG = 550;

export function listen(element: HTMLElement, to: Gestures): () => void {
  const pointers = new Map<number, [number, number]>();
  let pressed: [number, number] | null = null;
  let dragging = false;
  let path: number[] | null = null;
  let clickedAt = 0;
  let pressing: ReturnType<typeof setTimeout> | undefined;
  let clicked: [number, number] = [0, 0];

  const spot = (event: MouseEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const down = (event: PointerEvent) => {
    if (event.button > 0) return;
    const [x, y] = spot(event);
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [x, y]);
    pressed = [x, y];
    dragging = pointers.size > 1;
    clearTimeout(pressing);
    if (event.pointerType === "touch" && !dragging) {
      pressing = setTimeout(() => {
        // What follows is no click.
        dragging = true;
        to.menu(x, y);
      }, LONG);
    }
    path = pointers.size === 1 && (to.lassoing() || event.altKey) ? [x, y] : null;
  };

  const pinch = (event: PointerEvent, x: number, y: number) => {
    const [a, b] = [...pointers.values()] as [[number, number], [number, number]];
    const before = Math.hypot(a[0] - b[0], a[1] - b[1]);
    const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] as const;
    pointers.set(event.pointerId, [x, y]);
    const [c, d] = [...pointers.values()] as [[number, number], [number, number]];
    to.pan((c[0] + d[0]) / 2 - middle[0], (c[1] + d[1]) / 2 - middle[1]);
    to.zoom((c[0] + d[0]) / 2, (c[1] + d[1]) / 2, Math.hypot(c[0] - d[0], c[1] - d[1]) / Math.max(before, 1));
  };

  const move = (event: PointerEvent) => {
    const [x, y] = spot(event);
    const last = pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType !== "touch") to.hover(x, y);
      return;
    }
    if (pointers.size === 2) {
      dragging = true;
      pinch(event, x, y);
      return;
    }
    if (!dragging && pressed && Math.hypot(x - pressed[0], y - pressed[1]) < SLOP) return;
    dragging = true;
    clearTimeout(pressing);
    pointers.set(event.pointerId, [x, y]);
    if (path) {
      if (Math.hypot(x - path.at(-2)!, y - path.at(-1)!) >= 2) path.push(x, y);
      to.lasso(path, false);
    } else {
      to.pan(x - last[0], y - last[1]);
    }
  };

  const up = (event: PointerEvent) => {
    clearTimeout(pressing);
    if (!pointers.delete(event.pointerId)) return;
    const [x, y] = spot(event);
    if (event.type === "pointercancel") path = null;
    else if (dragging && path) to.lasso(path, true);
    else if (!dragging) {
      const again = event.timeStamp - clickedAt < 320 && Math.hypot(x - clicked[0], y - clicked[1]) < 8;
      if (again) to.double(x, y);
      else to.click(x, y, event);
      clickedAt = again ? 0 : event.timeStamp;
      clicked = [x, y];
    }
    path = null;
    if (!pointers.size) dragging = false;
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const [x, y] = spot(event);
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const delta = Math.max(-300, Math.min(300, event.deltaY * unit));
    to.zoom(x, y, Math.exp(-delta * (event.ctrlKey ? 0.01 : 0.0018)));
  };

  const menu = (event: MouseEvent) => {
    event.preventDefault();
    to.menu(...spot(event));
  };
  const leave = () => to.leave();
  const still = (event: Event) => event.preventDefault();
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", leave);
  element.addEventListener("contextmenu", menu);
  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("touchstart", still, { passive: false });
  return () => {
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", up);
    element.removeEventListener("pointerleave", leave);
    clearTimeout(pressing);
    element.removeEventListener("contextmenu", menu);
    element.removeEventListener("wheel", wheel);
    element.removeEventListener("touchstart", still);
  };
}
