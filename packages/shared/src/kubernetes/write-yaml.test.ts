// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { writeYaml } from './write-yaml.ts';

/** Texts that one version of YAML or another takes for something else. */
const TREACHEROUS = [
  ...['yes', 'no', 'on', 'off', 'y', 'n', 'null', '~', '', 'true', 'False', '.inf', '.nan', '<<', '=', '- a'],
  ...[
    '32',
    '0644',
    '0o17',
    '-0o17',
    '0x10',
    '1e3',
    '1_000',
    '1:30',
    '22:22:22',
    '2001-01-01',
    '+1',
    '.5',
    '0b1',
  ],
  ...[
    ':2112',
    'a: b',
    '# a',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '`a',
    '{a',
    '[a',
    'a\nb',
    'a ',
    '"a',
    "'a",
    '--- a',
  ],
];

it('writes texts that stay texts for readers of both versions of YAML', () => {
  const text = fc.oneof(fc.constantFrom(...TREACHEROUS), fc.string(), fc.integer().map(String));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), (list) => {
      const object = { env: list.map((value) => ({ name: 'x', value })), list };
      const yaml = writeYaml([object]);
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(yaml, { version })).toEqual(object);
      }
    }),
  );
});

it('separates objects by a line of dashes', () => {
  const objects = [{ a: 1 }, { b: [{ c: 'd', e: ['f'] }] }];
  const yaml = writeYaml(objects);
  expect(yaml).toBe('a: 1\n---\nb:\n- c: d\n  e:\n  - f\n');
  expect(parseAllDocuments(yaml).map((document) => document.toJS())).toEqual(objects);
});

it('does not fold what is long', () => {
  const value = `${'x'.repeat(200)} ${'y'.repeat(200)}`;
  expect(writeYaml([{ value }])).toBe(`value: ${value}\n`);
});
