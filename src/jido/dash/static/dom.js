// Elements from data, and a tree brought up to date in place: focus, selection and scrolling stay where they were.

/** An element. Texts become text nodes, never markup; `data` and `aria` are objects, `class` a string. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "data" || key === "aria") {
      for (const [name, one] of Object.entries(value)) if (one !== null && one !== undefined) node.setAttribute(`${key}-${name}`, one);
    }
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(props)) if (value !== null) node.setAttribute(key, String(value));
  add(node, children);
  return node;
}

function add(node, children) {
  for (const one of children.flat(Infinity)) {
    if (one === null || one === undefined || one === false) continue;
    node.append(one instanceof Node ? one : document.createTextNode(visible(String(one))));
  }
}

// What turns the line around or cannot be seen is written as its number, as the picture does it.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function visible(text) {
  return text.replace(HIDDEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Make `old` look like `fresh`. What carries `data-keep` of the same value is left as it is, with all that is in it. */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.dataset?.keep !== undefined && old.dataset.keep === fresh.dataset.keep) return;
  attributes(old, fresh);
  children(old, [...fresh.childNodes]);
}

function keyOf(node) {
  return node.dataset?.key ?? node.dataset?.keep;
}

export function children(old, fresh) {
  const keyed = new Map();
  for (const node of old.childNodes) if (keyOf(node)) keyed.set(keyOf(node), node);
  let at = old.firstChild;
  for (const node of fresh) {
    const same = keyOf(node) ? keyed.get(keyOf(node)) : null;
    if (same && same !== at) {
      old.insertBefore(same, at);
      morph(same, node);
    } else if (!at || (keyOf(node) && !same) || (keyOf(at) && !keyOf(node))) {
      old.insertBefore(node, at);
    } else {
      const next = at.nextSibling;
      morph(at, node);
      at = next;
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// What a person changed since it was drawn is hers.
const HERS = new Set(["value", "open", "checked", "selected"]);

function attributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (HERS.has(name) || old.getAttribute(name) === value) continue;
    // The page's policy takes no styles as text.
    if (name === "style") old.style.cssText = fresh.style.cssText;
    else old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!HERS.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}
