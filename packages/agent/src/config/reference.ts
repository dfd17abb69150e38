// SPDX-License-Identifier: Apache-2.0
import { SETTING_SECTIONS } from './names.ts';
import type { SettingSpec } from './schema/setting.ts';
import { UNSUPPORTED_SETTINGS, type UnsupportedSetting } from './unsupported.ts';

/** Lines between which the reference stands in docs/configuration.md; everything else there is written by hand. */
export const REFERENCE_MARKS = {
  begin: '<!-- settings: written by `npm run docs` -->',
  end: '<!-- end of settings -->',
} as const;

/** The reference of all settings, as it stands in docs/configuration.md. Pure. */
export function settingsReference(): string {
  const sections = SETTING_SECTIONS.map(({ title, settings }) =>
    [`### ${title}`, '', HEAD, ...Object.values(settings).map(rowOf)].join('\n'),
  );
  return [...sections, ignoredSection()].join('\n\n');
}

/** The page with a new reference between its marks. Pure. @throws Error when the page has no marks. */
export function withReference(page: string): string {
  const { begin, end } = REFERENCE_MARKS;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page needs the lines ${begin} and ${end}, in this order`);
  return `${page.slice(0, from + begin.length)}\n\n${settingsReference()}\n\n${page.slice(to)}`;
}

const HEAD = `| Environment | Flag | File | Values | Default | Meaning |
| --- | --- | --- | --- | --- | --- |`;

function rowOf({ env, flag, file, value, help }: SettingSpec): string {
  const flags = flag === undefined ? '' : `${flag === 'namespace' ? '`-n`, ' : ''}\`--${flag}\``;
  const { allowed, unit, defaultText, kind } = value;
  const values = kind === 'duration' ? `${allowed} ${unit ?? ''}, or as \`1m30s\`` : allowed;
  const isWords = /[ ,/]/.test(defaultText) && !defaultText.startsWith('kube-vip.io');
  const usual = defaultText === '' || isWords ? defaultText : `\`${defaultText}\``;
  const inUnit = kind === 'integer' && unit !== undefined ? ` ${unit}` : '';
  return `| ${[`\`${env}\``, flags, `\`${file}\``, `${values}${inUnit}`, usual, help].map(cell).join(' | ')} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function ignoredSection(): string {
  const byFeature = Map.groupBy(
    UNSUPPORTED_SETTINGS.filter(({ harmless }) => harmless !== 'any'),
    ({ feature }) => feature,
  );
  const rows = [...byFeature].map(
    ([feature, settings]) => `| ${feature} | ${settings.map(namesOf).join(', ')} |`,
  );
  const silent = UNSUPPORTED_SETTINGS.filter(({ harmless }) => harmless === 'any').map(namesOf);
  return [
    '### Accepted and ignored',
    '',
    'Settings of kube-vip without a counterpart here. Each one that asks for something gets one warning.',
    '',
    '| Not supported yet | Settings |',
    '| --- | --- |',
    ...rows,
    '',
    `Accepted without a word, as what they ask for is so anyway or means nothing here: ${silent.join(', ')}.`,
  ].join('\n');
}

function namesOf({ env, flag, file }: UnsupportedSetting): string {
  return env !== undefined ? `\`${env}\`` : flag !== undefined ? `\`--${flag}\`` : `\`${file ?? ''}\` (file)`;
}
