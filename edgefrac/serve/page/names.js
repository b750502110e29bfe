/** What the user calls images: known to this tab alone, until it is closed. */

const PREFIX = 'edgefrac-name-';

/**
 * @param {string} id
 * @param {string} name
 */
export function remember(id, name) {
  try {
    sessionStorage.setItem(PREFIX + id, name);
  } catch {
    // a browser that keeps nothing shows numbers instead
  }
}

/**
 * What to call an image: as the user does, else by its number.
 * @param {{id: string, number: number}} item
 */
export function nameOf({ id, number }) {
  let name = null;
  try {
    name = sessionStorage.getItem(PREFIX + id);
  } catch {
    // as above
  }
  return name ?? `Image ${number}`;
}

export function forgetNames() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  } catch {
    // as above
  }
}
