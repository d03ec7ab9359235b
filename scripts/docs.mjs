// Writes the documents that are made from code, out of dist/; with --check it only says which of them differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedDocs } from '../dist/generated-docs.js';

const at = (path) => new URL(`../${path}`, import.meta.url);
const readOr = (path, fallback) => {
  try {
    return readFileSync(at(path), 'utf8');
  } catch {
    return fallback;
  }
};

const { version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const docs = Object.entries(await generatedDocs(version));
const stale = docs.filter(([path, text]) => readOr(path, undefined) !== text);

if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is not what the code says; run npm run docs.`);
  process.exit(stale.length > 0 ? 1 : 0);
}
for (const [path, text] of stale) {
  writeFileSync(at(path), text);
  console.log(`${path} written`);
}
