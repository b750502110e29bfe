/**
 * From an image's values to greys, by the same arithmetic as the server's Python: the bytes are the same.
 *
 * @typedef {import('./types.js').Display} Display
 * @typedef {import('./types.js').Window} Window
 */

/**
 * The grey of each value under a window of one's own: DICOM PS3.3 C.11.2.1.2, LINEAR.
 * @param {Display} display
 * @param {Window} window
 */
export function windowed({ levels, first, slope, intercept, inverted }, { center, width }) {
  const greys = new Uint8Array(levels);
  for (let value = 0; value < levels; value++) {
    const offset = (value + first) * slope + intercept - center;
    const share = width === 1 ? (offset > -0.5 ? 1 : 0) : (offset + 0.5) / (width - 1) + 0.5;
    const grey = Math.floor(Math.min(Math.max(share, 0), 1) * 255 + 0.5);
    greys[value] = inverted ? 255 - grey : grey;
  }
  return greys;
}

/**
 * The pixels of all values.
 * @param {Uint8Array | Uint16Array} values
 * @param {Uint8Array} greys of each value
 * @param {Uint32Array} pixels RGBA, to be filled
 */
export function paint(values, greys, pixels) {
  const words = Uint32Array.from(greys, (grey) => 0xff000000 + grey * 0x10101); // little-endian, as all browsers' machines are
  for (let at = 0; at < values.length; at++) pixels[at] = /** @type {number} */ (words[/** @type {number} */ (values[at])]);
}

/**
 * What modality units the values span: [least, largest].
 * @param {Display} display
 */
export function span({ levels, first, slope, intercept }) {
  const ends = [first, first + levels - 1].map((stored) => stored * slope + intercept);
  return /** @type {[number, number]} */ ([Math.min(...ends), Math.max(...ends)]);
}
