import { SETTING_NAMES, SETTINGS, type Setting } from './settings.table.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = (name: string, setting: Setting): string => {
  const names = setting.secret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``;
  return `| ${names} | ${cell(setting.default)} | ${cell(setting.about)} Must be ${cell(setting.expected)}. |`;
};

/** `docs/configuration.md`: every setting with its default, from the table that the service reads them by. */
export const configurationMarkdown = (): string =>
  [
    '# Configuration',
    '',
    'Generated from `src/config/settings.table.ts`. Settings are environment variables, read once at start; a wrong one',
    'ends the start with a sentence that names it. Unknown variables are ignored, empty ones are unset. A setting that',
    'holds a secret can be given as `NAME_FILE`: the file holds the value, and one newline at its end does not count.',
    '',
    '| variable | default | |',
    '|---|---|---|',
    ...SETTING_NAMES.map((name) => row(name, SETTINGS[name])),
    '',
  ].join('\n');
