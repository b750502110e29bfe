/** Dark, as reading rooms are, or light; kept in this browser. */
import { byId } from './dom.js';

const KEY = 'edgefrac-theme';

export function connectTheme() {
  let theme = 'dark';
  try {
    theme = localStorage.getItem(KEY) ?? theme;
  } catch {
    // a browser that keeps nothing begins dark each time
  }
  apply(theme);
  byId('theme').addEventListener('click', () => {
    const other = document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark';
    apply(other);
    try {
      localStorage.setItem(KEY, other);
    } catch {
      // as above
    }
  });
}

/** @param {string} theme */
function apply(theme) {
  document.documentElement.dataset['theme'] = theme === 'light' ? 'light' : 'dark';
}
