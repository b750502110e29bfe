/** As much Markdown as model cards are written in: headings, paragraphs, lists, tables, code, emphasis. */
import { make } from './dom.js';

/** @param {string} text */
export function markdown(text) {
  const article = make('article', { class: 'card' });
  const blocks = text.replace(/^---\n[\s\S]*?\n---\n/, '').split(/\n{2,}|\n(?=#)/);
  article.append(...blocks.filter((block) => block.trim()).map(blockOf));
  return article;
}

/**
 * @param {string} block
 * @returns {HTMLElement}
 */
function blockOf(block) {
  const lines = block.trim().split('\n');
  const heading = /^(#{1,4}) (.*)$/.exec(lines[0] ?? '');
  if (heading) {
    const rest = lines.slice(1).join('\n');
    const head = make('h3', {}, ...inline(heading[2] ?? ''));
    return rest ? make('div', {}, head, blockOf(rest)) : head;
  }
  if (lines.every((line) => line.startsWith('|'))) return table(lines);
  if (/^[-*] /.test(lines[0] ?? '')) {
    const items = block.trim().replace(/\n(?![-*] )\s*/g, ' ').split('\n');
    return make('ul', {}, ...items.map((item) => make('li', {}, ...inline(item.slice(2)))));
  }
  return make('p', {}, ...inline(lines.join(' ')));
}

/** @param {string[]} lines */
function table(lines) {
  const rows = lines.filter((line) => !/^\|[\s:|-]+$/.test(line)).map((line) => line.replace(/^\||\|$/g, '').split('|'));
  const cells = rows.map((row, at) => make('tr', {}, ...row.map((cell) => make(at ? 'td' : 'th', {}, ...inline(cell.trim())))));
  return make('div', { class: 'scroll', tabindex: '0' }, make('table', {}, ...cells));
}

/**
 * @param {string} text
 * @returns {(Node | string)[]}
 */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`') && part.length > 2) return make('code', {}, part.slice(1, -1));
    if (part.startsWith('**') && part.length > 4) return make('strong', {}, part.slice(2, -2));
    return part.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1');
  });
}
