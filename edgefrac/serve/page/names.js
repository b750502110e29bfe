/** What this tab alone knows, until it is closed: what the user calls images, and that somebody logged in. */

const PREFIX = 'edgefrac-';

/**
 * @param {string} key an image's id, say
 * @param {string} name
 */
export function remember(key, name) {
  try {
    sessionStorage.setItem(PREFIX + key, name);
  } catch {
    // a browser that keeps nothing shows numbers instead
  }
}

/**
 * @param {string} key
 * @returns {string | null}
 */
export function known(key) {
  try {
    return sessionStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/**
 * What to call an image: as the user does, else by its number.
 * @param {{id: string, number: number}} item
 */
export function nameOf({ id, number }) {
  return known(id) ?? `Image ${number}`;
}

export function forget() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  } catch {
    // as above
  }
}
