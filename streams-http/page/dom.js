// Elements, made and kept up to date in place, so that nothing flickers and nobody loses their place.

/** An element with attributes and children; `on` has listeners, `text` a text. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  return fill(element, attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, { text, on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets an attribute, or takes it away if the value is null or false. */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const wanted = value === true ? "" : String(value);
  if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
}

/** Sets a text if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes as many children as there are items, and brings each up to date. */
export function repeat(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, place) => {
    if (parent.children.length <= place) parent.append(make(item, place));
    update?.(parent.children[place], item, place);
  });
}

/**
 * A table with a head; each column has a `name`, and `n` if it has numbers. A `stacked` one is a list on a phone, where the names
 * of numbers and of what is `told` by name are beside them.
 */
export function table(columns, caption, kind = null) {
  const head = columns.map(({ name, n }) => el("th", { scope: "col", class: n ? "n" : null, text: name }));
  const body = el("tbody");
  const element = el(
    "table", { "aria-label": caption, class: kind },
    el("thead", {}, el("tr", {}, ...head)),
    body,
  );
  return { element: el("div", { class: "scroll" }, element), body };
}

/** Brings a table's rows up to date; each row is a list of texts or elements. */
export function rows(body, columns, items) {
  repeat(body, items, () => el("tr", {}, ...columns.map(({ name, n, told, class: look }) =>
    el("td", { class: n ? "n" : look ?? null, "data-column": n || told ? name : null }))),
    (row, cells) => cells.forEach((cell, place) => {
      const td = row.children[place];
      if (cell instanceof Node) {
        if (td.firstChild !== cell || td.childNodes.length > 1) td.replaceChildren(cell);
      } else if (td.firstElementChild || td.textContent !== String(cell)) {
        td.textContent = cell;
      }
    }));
}

/** What is said where there is nothing. */
export const empty = (text) => el("p", { class: "empty", text });
