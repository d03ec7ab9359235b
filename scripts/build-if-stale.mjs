// Builds dist/ when a source file is newer than the last build, so that `npm start` works on a fresh clone and after a pull.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const newest = (path) => {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
};
const builtAt = () => {
  try {
    return statSync(join(root, 'dist', 'main.js')).mtimeMs;
  } catch {
    return 0;
  }
};

const sources = ['src', 'package-lock.json', 'nest-cli.json', 'tsconfig.json', '.swcrc'];
if (Math.max(...sources.map((name) => newest(join(root, name)))) > builtAt()) {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}
