/** Small help with the document, and with numbers in words. */

/**
 * The element of that id; the page has it.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element with attributes and content; text is never read as HTML.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} content
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/**
 * A list of names and what stands beside them.
 * @param {[string, Node | string][]} rows
 */
export function facts(rows) {
  const list = make('dl', { class: 'facts' });
  for (const [name, value] of rows) list.append(make('dt', {}, name), make('dd', {}, value));
  return list;
}

/**
 * Share -> "12 %".
 * @param {number} share
 */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/**
 * With a real minus, and a plus on request.
 * @param {number} value
 * @param {number} decimals
 * @param {boolean} [signed]
 */
export function number(value, decimals, signed = false) {
  const text = value.toFixed(decimals);
  return (signed && value >= 0 ? `+${text}` : text).replace('-', '−');
}

/** @param {string} text */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * The time of the day of today, else with the date.
 * @param {number} seconds since 1970
 */
export function when(seconds) {
  const time = new Date(seconds * 1000);
  const clock = time.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return time.toDateString() === new Date().toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/**
 * To a screen reader.
 * @param {string} text
 */
export function say(text) {
  byId('said').textContent = text;
}
