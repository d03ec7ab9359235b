// Draws terminal output as an SVG: node scripts/terminal-picture.mjs <title> < text > picture.svg
import { readFileSync } from 'node:fs';

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '&#160;');
const lines = readFileSync(0, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.slice(0, 96));
const [width, lineHeight, top] = [Math.max(60, ...lines.map((line) => line.length)) * 7.25 + 40, 18, 52];
const height = top + lines.length * lineHeight + 18;
const colour = (line) =>
  /^(deny)\b/.test(line)
    ? '#FF9466'
    : /^review\b/.test(line)
      ? '#F0B83F'
      : /^allow\b/.test(line)
        ? '#5FD6AE'
        : '#E6E8EA';
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(process.argv[2] ?? 'terminal')}">
<rect width="${width}" height="${height}" rx="10" fill="#14171A"/>
<g fill="#3A4046"><circle cx="22" cy="20" r="5"/><circle cx="40" cy="20" r="5"/><circle cx="58" cy="20" r="5"/></g>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="12" xml:space="preserve">
${lines.map((line, index) => `<text x="20" y="${top + index * lineHeight}" fill="${colour(line)}">${escape(line)}</text>`).join('\n')}
</g></svg>`);
