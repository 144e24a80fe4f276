// The picture of the Review page: an image with annotations over it as SVG, and joints that can be moved.
// All coordinates are pixels of the image. Texts of the dataset are set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const FAINT = 0.35;
const GUARD = "kpauditReviewKeys";
const STEPS = ["say_", "undo", "skip", "back"].map((name) => `[class*="st-key-review_${name}"]`).join();
const ARROWS = '[data-testid="stDataFrame"], [role="slider"], [role="radiogroup"]';
const states = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let state = states.get(root);
  if (!state) {
    state = { draft: {}, seq: 0, rev: null, item: null, selected: null, view: null, drag: null };
    states.set(root, state);
    listen(root, state);
  }
  state.send = component.setTriggerValue;
  const data = component.data;
  const isNew = state.item !== data.item;
  guardKeys();
  if (isNew) window[GUARD].until = null;
  if (isNew || String(state.home) !== String(data.view)) {
    state.view = [...data.view];
    state.home = [...data.view];
  }
  // What is moved here goes ahead of the server's answer, which must not take a later move back.
  if (isNew || state.rev !== data.rev || data.seq >= state.seq) {
    state.draft = { ...data.draft };
    state.seq = isNew ? data.seq : Math.max(state.seq, data.seq);
  }
  if (isNew || !data.edit) state.selected = null;
  if (isNew) state.drag = null;
  if (!isNew) giveKeysBack(state.data.typed, data.typed);
  state.rev = data.rev;
  state.item = data.item;
  state.data = data;
  draw(root, state);
  return () => {
    state.watch?.disconnect();
    states.delete(root);
  };
}

// One press is one verdict, of the picture that was seen: a key that is held down, comes before the next picture
// is drawn, or is another widget's ends here. Streamlit's shortcuts listen on the document, above the body.
function guardKeys() {
  if (window[GUARD]) return;
  const guard = { until: null };
  window[GUARD] = guard;
  document.body.addEventListener("keydown", (event) => {
    const here = event.composedPath()[0];
    if (!document.querySelector('[class*="st-key-review_"]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (writes(here)) return;
    const known = /^([1-7zewqx]|arrow(left|right))$/i.test(event.key);
    const steps = known && !/^[ewqx]$/i.test(event.key);
    const numbers = here.closest?.('.st-key-review_numbers [data-testid="stDataFrame"]');
    const arrows = event.key.startsWith("Arrow") && here.closest?.(ARROWS);
    if (event.repeat || numbers || arrows || (known && waits(guard))) event.stopPropagation();
    else if (steps) guard.until = performance.now() + 400;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(STEPS);
    if (!button) return;
    if (waits(guard)) {
      event.stopPropagation();
      event.preventDefault();
    } else {
      guard.until = performance.now() + 400;
    }
  }, { capture: true });
}

const writes = (element) =>
  element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
  (element.tagName === "INPUT" && !/^(checkbox|radio|range|button)$/.test(element.type));

// Whether the step before is still under way: until the next picture is drawn, or the page is at rest.
function waits(guard) {
  if (guard.until === null) return false;
  const now = performance.now();
  const app = document.querySelector('[data-testid="stApp"]');
  return now < guard.until || (app?.dataset.testScriptState === "running" && now < guard.until + 15_000);
}

// A field that has just been filled keeps the focus, and would take the key of the verdict for a letter.
function giveKeysBack(before, after) {
  ["label", "comment"].forEach((field, n) => {
    const active = document.activeElement;
    if (before[n] !== after[n] && active?.closest(`[class*="st-key-review_${field}_"]`)) active.blur();
  });
}

function listen(root, state) {
  const svg = root.querySelector("svg");
  for (const button of root.querySelectorAll(".tools button")) {
    button.onclick = () => {
      const by = Number(button.dataset.zoom);
      if (by) zoom(state, by, state.view[0] + state.view[2] / 2, state.view[1] + state.view[3] / 2);
      else state.view = [...state.home];
      draw(root, state);
    };
  }
  svg.addEventListener("wheel", (event) => {
    // the page scrolls, unless zooming is asked for
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const [x, y] = place(svg, event);
    zoom(state, event.deltaY > 0 ? 1.15 : 0.87, x, y);
    draw(root, state);
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const joint = event.target.dataset?.joint;
    const start = place(svg, event);
    if (state.data.edit && joint !== undefined) {
      state.selected = Number(joint);
      state.drag = { joint: Number(joint), start, moved: false };
    } else {
      state.drag = { pan: true, start, moved: false };
    }
    svg.setPointerCapture(event.pointerId);
    svg.classList.add("dragging");
    svg.focus({ preventScroll: true });
    draw(root, state);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!state.drag) return;
    const [x, y] = place(svg, event);
    const [x0, y0] = state.drag.start;
    const far = Math.hypot(x - x0, y - y0) / scale(svg, state);
    if (!state.drag.moved && far < 3) return;
    state.drag.moved = true;
    if (state.drag.pan) {
      state.view[0] -= x - x0;
      state.view[1] -= y - y0;
    } else {
      put(state, state.drag.joint, x, y);
    }
    draw(root, state);
  });
  const end = (event) => {
    const drag = state.drag;
    state.drag = null;
    svg.classList.remove("dragging");
    if (!drag) return;
    if (drag.moved && drag.joint !== undefined) tell(state);
    // a joint that has no place yet is put where the image is clicked
    if (!drag.moved && drag.pan && state.data.edit && state.selected !== null && !now(state, state.selected)?.seen) {
      put(state, state.selected, ...place(svg, event));
      tell(state);
    }
    draw(root, state);
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);
  svg.addEventListener("keydown", (event) => keys(root, state, event));
  state.watch = new ResizeObserver(() => state.data && draw(root, state));
  state.watch.observe(svg);
}

// In edit mode the picture's own keys; the page's shortcuts (skip, the verdicts) keep theirs but for arrows.
function keys(root, state, event) {
  if (!state.data.edit || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = state.data.joints.map((j) => j.joint);
  const at = all.indexOf(state.selected);
  const key = event.key.toLowerCase();
  const arrows = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
  const flags = { v: 2, o: 1, a: 0 };
  let known = true;
  if (key === "n" || key === "p") {
    state.selected = all[(at + (key === "n" ? 1 : all.length - (at < 0 ? 0 : 1))) % all.length];
  } else if (key === "escape") {
    state.selected = null;
  } else if (state.selected !== null && arrows[key]) {
    const joint = now(state, state.selected);
    if (joint?.seen) {
      const step = scale(root.querySelector("svg"), state) * (event.shiftKey ? 10 : 1);
      put(state, state.selected, joint.x + arrows[key][0] * step, joint.y + arrows[key][1] * step);
      tell(state);
    }
  } else if (state.selected !== null && key in flags) {
    mark(state, state.selected, flags[key]);
    tell(state);
  } else {
    known = false;
  }
  if (known) {
    event.preventDefault();
    event.stopPropagation();
    draw(root, state);
  }
}

// A joint as it is in the draft, else in the source: seen where it is to be drawn.
function now(state, joint) {
  const given = state.draft[joint];
  const own = state.data.joints.find((j) => j.joint === joint);
  const [x, y, v] = given ?? [own?.x, own?.y, own?.v];
  return { x, y, v, seen: Number.isFinite(x) && Number.isFinite(y) && v !== 0, changed: given !== undefined };
}

function put(state, joint, x, y) {
  const former = now(state, joint);
  // a joint that is placed is seen, unless it was said to be occluded; formats without flags have none
  const v = former.v === 1 ? 1 : state.data.flags ? 2 : null;
  const [width, height] = state.data.frame;
  const [left, top, wide, high] = state.home;
  // no further out than the image, and what is annotated beyond it
  const within = (value, low, high) => Math.min(Math.max(value, Math.min(0, low)), high);
  state.draft[joint] = [
    round(within(x, left, Math.max(width, left + wide))), round(within(y, top, Math.max(height, top + high))), v,
  ];
}

function mark(state, joint, v) {
  const former = now(state, joint);
  const own = state.data.joints.find((j) => j.joint === joint);
  // one that was called absent is again where the source has it
  const at = former.seen ? former : own;
  if (v === 0) state.draft[joint] = [0, 0, 0];
  else if (Number.isFinite(at?.x)) state.draft[joint] = [at.x, at.y, v === 2 && !state.data.flags ? null : v];
}

function tell(state) {
  state.seq += 1;
  state.send("change", { item: state.item, seq: state.seq, rev: state.rev, joints: { ...state.draft } });
}

const round = (value) => Math.round(value * 1000) / 1000;

function zoom(state, by, x, y) {
  const [x0, y0, w, h] = state.view;
  const factor = Math.min(Math.max(by, (state.home[2] * 0.02) / w), (state.home[2] * 4) / w);
  state.view = [x - (x - x0) * factor, y - (y - y0) * factor, w * factor, h * factor];
}

function place(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

// Pixels of the image in one of the screen.
function scale(svg, state) {
  const box = svg.getBoundingClientRect();
  return Math.max(state.view[2] / Math.max(box.width, 1), state.view[3] / Math.max(box.height, 1)) || 1;
}

function add(parent, tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function draw(root, state) {
  const svg = root.querySelector("svg");
  const { data } = state;
  svg.setAttribute("viewBox", state.view.join(" "));
  svg.setAttribute("aria-label", data.alt);
  svg.setAttribute("role", data.edit ? "application" : "img"); // a screen reader then leaves the keys to it
  svg.dataset.item = data.item;
  svg.replaceChildren();
  const px = scale(svg, state);
  const [width, height] = data.frame;
  add(svg, "rect", { class: "hatched", x: 0, y: 0, width, height });
  if (data.image) {
    const [left, top, right, bottom] = data.box;
    add(svg, "image", {
      href: data.image, x: left, y: top, width: right - left, height: bottom - top, preserveAspectRatio: "none",
    });
  } else {
    for (let n = 1; n < 12; n += 1) {
      const step = (Math.max(width, height) / 12) * n;
      const thin = { class: "line", stroke: "#2b2f38", "stroke-width": 1 };
      if (step < width) add(svg, "path", { ...thin, d: `M${step} 0V${height}` });
      if (step < height) add(svg, "path", { ...thin, d: `M0 ${step}H${width}` });
    }
  }
  for (const other of data.instances) if (!other.focus) instance(svg, other, px, data.someFocus ? FAINT : 1, state.view);
  for (const focus of data.instances) if (focus.focus) instance(svg, focus, px, 1, state.view);
  for (const ring of data.rings) {
    add(svg, "circle", { class: "line", cx: ring[0], cy: ring[1], r: 15 * px, stroke: "#0a0c10", "stroke-width": 5 });
    add(svg, "circle", { class: "line", cx: ring[0], cy: ring[1], r: 15 * px, stroke: "#fff", "stroke-width": 2 });
  }
  for (const proposal of data.proposals) {
    const changed = new Set(proposal.changed);
    const all = proposal.joints.map(([j, x, y, v]) => [j, { x, y, v, changed: changed.has(j) }]);
    corrected(svg, data, new Map(all), px);
  }
  if (data.edit) edited(svg, state, px);
  root.querySelector(".said").textContent = data.edit ? help(state) : data.said;
}

function instance(svg, what, px, alpha, view) {
  const group = add(svg, "g", { opacity: alpha });
  if (what.rect) {
    const [x, y, right, bottom] = what.rect;
    const box = { class: "line", x, y, width: right - x, height: bottom - y, "stroke-dasharray": what.dashed ? "9 7" : "none" };
    add(group, "rect", { ...box, stroke: "rgba(10,12,16,.75)", "stroke-width": 4 });
    add(group, "rect", { ...box, stroke: what.color, "stroke-width": 2 });
  }
  const rim = [];
  for (const [ax, ay, bx, by] of what.bones) rim.push(`M${ax} ${ay}L${bx} ${by}`);
  if (rim.length) add(group, "path", { class: "line", d: rim.join(""), stroke: "rgba(10,12,16,.75)", "stroke-width": 5 });
  for (const [ax, ay, bx, by, color] of what.bones) {
    add(group, "path", { class: "line", d: `M${ax} ${ay}L${bx} ${by}`, stroke: color, "stroke-width": 2.5 });
  }
  for (const [x, y, visibility, color, name] of what.joints) {
    const hollow = visibility === 1;
    const r = radius(what.joints, x, y, px);
    const dot = add(group, "circle", {
      cx: x, cy: y, r: r * px, fill: hollow ? "rgba(255,255,255,.9)" : color, stroke: hollow ? color : "#0a0c10",
      "stroke-width": (r / 4.5) * (hollow ? 2.5 : 1), "vector-effect": "non-scaling-stroke",
    });
    add(dot, "title", {}, name);
  }
  if (what.rect && what.label && alpha === 1) {
    // above the box, or in it where that would be out of sight
    const [x, above] = [Math.max(what.rect[0], view[0]) + 3 * px, what.rect[1] - 5 * px];
    const y = above - 14 * px < view[1] ? Math.max(what.rect[1], view[1]) + 17 * px : above;
    add(group, "text", { x, y, "font-size": 14 * px, "stroke-width": 3.5 * px, "font-weight": 600 }, what.label);
  }
}

// Dots as large as their neighbours allow: 68 joints of a face are no blob.
function radius(joints, x, y, px) {
  let nearest = Infinity;
  for (const [ox, oy] of joints) {
    const far = Math.hypot(ox - x, oy - y);
    if (far > 0 && far < nearest) nearest = far;
  }
  return Math.min(4.5, Math.max(1.4, (0.45 * nearest) / px));
}

// What is corrected, and the bones that lead there: white and dashed over the original. A cross: said to be absent.
function corrected(svg, data, joints, px) {
  const seen = (j) => j && j.v !== 0 && Number.isFinite(j.x) && Number.isFinite(j.y);
  const stroked = (tag, attributes, dash) => {
    add(svg, tag, { class: "line", ...attributes, stroke: "#0a0c10", "stroke-width": 4 });
    add(svg, tag, { class: "line proposal", ...attributes, stroke: "#fff", "stroke-width": 2, "stroke-dasharray": dash });
  };
  const lines = [];
  for (const [a, b] of data.bones) {
    const [from, to] = [joints.get(a), joints.get(b)];
    if ((from?.changed || to?.changed) && seen(from) && seen(to)) lines.push(`M${from.x} ${from.y}L${to.x} ${to.y}`);
  }
  if (lines.length) stroked("path", { d: lines.join("") }, "7 4");
  for (const [number, joint] of joints) {
    if (!joint.changed) continue;
    if (seen(joint)) {
      stroked("circle", { cx: joint.x, cy: joint.y, r: 6 * px }, joint.v === 1 ? "2 3" : "none");
    } else {
      const own = data.joints.find((j) => j.joint === number);
      if (!Number.isFinite(own?.x)) continue;
      const r = 7 * px;
      stroked("path", { d: `M${own.x - r} ${own.y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}` }, "none");
    }
  }
}

function edited(svg, state, px) {
  const joints = new Map(state.data.joints.map((j) => [j.joint, now(state, j.joint)]));
  corrected(svg, state.data, joints, px);
  for (const own of state.data.joints) {
    const joint = joints.get(own.joint);
    if (!joint.seen) continue;
    if (state.selected === own.joint) {
      add(svg, "circle", { class: "line", cx: joint.x, cy: joint.y, r: 10 * px, stroke: "#ffe14d", "stroke-width": 3 });
      const at = { x: joint.x + 13 * px, y: joint.y + 4 * px };
      add(svg, "text", { ...at, "font-size": 14 * px, "stroke-width": 3.5 * px }, own.name);
    }
    const handle = add(svg, "circle", {
      class: "handle", cx: joint.x, cy: joint.y, r: 11 * px, fill: "transparent", "data-joint": own.joint,
    });
    add(handle, "title", {}, `${own.name}${joint.v === 1 ? ", occluded" : ""}`);
  }
}

function help(state) {
  const chosen = state.data.joints.find((j) => j.joint === state.selected);
  if (!chosen) return "Drag a joint, or press N for the next one.";
  const joint = now(state, chosen.joint);
  if (!joint.seen) return `${chosen.name} is absent: click where it is. N next, P previous.`;
  return `${chosen.name}: drag or arrows, O occluded, V visible, A absent, N next, P previous.`;
}
