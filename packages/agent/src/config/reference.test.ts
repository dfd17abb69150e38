// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';
import { ALL_SETTINGS } from './names.ts';
import { withReference } from './reference.ts';
import { readSettings } from './settings.ts';

const PAGE = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');

it('docs/configuration.md has the settings of the schema; if this fails: npm run docs', () => {
  expect(PAGE).toBe(withReference(PAGE));
  for (const [, { env }] of ALL_SETTINGS) expect(PAGE).toContain(`| \`${env}\` |`);
});

it('the file that docs/configuration.md shows can be used', () => {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? [];
  const file = readConfigFile('agent.yaml', text);
  expect(file).toMatchObject({ problems: [], unknown: [] });
  expect(readSettings({ env: {}, hostName: 'host', file })).toMatchObject({
    services: true,
    election: 'perService',
    leaseDurationMs: 5_000,
    balance: 'nftables',
    warnings: [],
  });
});

it('the problems that docs/configuration.md shows are the real ones', () => {
  const [shown = ''] = /^2 settings cannot be used:\n.*\n.*$/m.exec(PAGE) ?? [];
  const file = readConfigFile('agent.yaml', 'enableARP: true\nenableServices: true\nport: 70000\n');
  const read = () => readSettings({ env: { vip_leaseduration: '5 s' }, hostName: 'host', file });
  expect(read).toThrow(SettingsError);
  expect(read).toThrow(shown);
});

it('every default can be said, and is then the default', () => {
  for (const [key, { value, env }] of ALL_SETTINGS) {
    const { parse, defaultText, fallback, kind } = value;
    if (fallback === undefined || kind === 'text' || env === 'backend_health_check_interval') continue;
    expect(parse(defaultText), key).toEqual({ ok: true, value: fallback });
  }
});
