// The patches of a growing part, applied by hand: they come thirty times a second, and htmx raises a
// dozen events for each. They are htmx's out-of-band swaps, of the kinds that the renderer makes.

const MANY = 24;
const FOLDED = 16;
const SCROLLABLE = "pre, .table, .math";
/** How many folds each part begins with. */
const folds = new WeakMap();
const widths = new ResizeObserver((entries) =>
  requestAnimationFrame(() => entries.forEach(({ target }) => fitAll(target.parentElement))),
);

const placed = {
  innerHTML: (target, piece) => isShown(piece, target) || target.replaceChildren(...piece.childNodes),
  beforebegin: (target, piece) => target.before(...piece.childNodes),
  afterend: (target, piece) => target.after(...piece.childNodes),
  beforeend: (target, piece) => [...piece.children].forEach((part) => append(target, part)),
  outerHTML: (target, piece) => isShown(piece, target) || target.replaceWith(piece),
  delete: (target) => target.remove(),
};
placed.true = placed.outerHTML;

/** How much of the parts that grow is in `element`. */
const lengthOf = (element) =>
  [element, ...element.querySelectorAll(".part")].reduce((sum, { dataset }) => sum + 1 + Number(dataset.length ?? -1), 0);

/** Whether a part, or all parts of a message, that came whole hold more than what is shown of them. */
export const holdsMore = (fresh, shown) => lengthOf(fresh) > lengthOf(shown);

/** Parts come whole only where a page may know less; by another way it may have come to know more. */
const isShown = (piece, target) => lengthOf(piece) > 0 && !holdsMore(piece, target);

function append(body, part) {
  const shown = document.getElementById(part.id);
  if (!shown) body.append(part);
  else placed.outerHTML(shown, part);
}

/** Apply a patch. Returns the elements that came with it, outermost only. */
export function apply(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  const came = [];
  for (const piece of [...box.content.children]) {
    const swap = piece.getAttribute("hx-swap-oob");
    const colon = swap.indexOf(":");
    const how = colon < 0 ? swap : swap.slice(0, colon);
    const target = document.querySelector(colon < 0 ? `#${piece.id}` : swap.slice(colon + 1));
    if (!target) continue;
    piece.removeAttribute("hx-swap-oob");
    const whole = placed[how] === placed.outerHTML;
    const brought = whole ? [piece] : [...piece.children];
    placed[how](target, piece);
    came.push(...brought.filter((element) => element.isConnected));
  }
  return came;
}

/**
 * Put the oldest of many settled blocks into an element of their own, which the browser can pass by
 * when it lays out and paints what grows. Never under a reader's selection or focus.
 */
export function fold(part) {
  const before = folds.get(part) ?? 0;
  if (part.childElementCount - before < MANY || isInUse(part)) return;
  const blocks = [...part.children].slice(before, before + FOLDED);
  const element = document.createElement("div");
  element.className = "folded";
  blocks[0].before(element);
  element.append(...blocks);
  folds.set(part, before + 1);
  if (before) fit([element]);
  else begin(part, element);
}

/** The first fold stands for all in what they share: their width and direction. */
function begin(part, first) {
  // As long as it is "auto", each change looks through all blocks for a letter that decides.
  if (part.dir === "auto") part.dir = part.matches(":dir(rtl)") ? "rtl" : "ltr";
  widths.observe(first);
}

const fitAll = (part) => part && fit([...part.querySelectorAll(":scope > .folded")]);

/** Let blocks scroll sideways only in folds where one is too wide, or may become so when it isn't wrapped. */
function fit(elements) {
  const wide = elements.map((element) => [...element.querySelectorAll(SCROLLABLE)].some(isWide));
  elements.forEach((element, at) => element.classList.toggle("fits", !wide[at]));
}

const isWide = (box) => box.scrollWidth > box.clientWidth || box.closest("[data-wrap]") !== null;

function isInUse(part) {
  const selection = document.getSelection();
  return part.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(part, true));
}
