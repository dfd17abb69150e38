// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { flagsOf } from './flags.ts';
import { parseDurationMs } from './parse-values.ts';
import { type SettingSources, SettingsError, SettingsReader } from './settings.ts';
import { boolType, durationType, integerType, type ValueType, wordType } from './value-types.ts';

describe('SettingsReader', () => {
  it('reads every type from the environment', () => {
    const reader = new SettingsReader({
      env: {
        vip_arp: 'TRUE',
        vip_leaseduration: '5',
        port: '6443',
        vip_address: '10.0.0.1',
        mode: 'b',
        peers: 'a, b,,',
      },
    });
    expect(reader.bool({ env: 'vip_arp' }, false)).toBe(true);
    expect(reader.durationMs({ env: 'vip_leaseduration' }, 15_000, { bareUnit: 's' })).toBe(5_000);
    expect(reader.integer({ env: 'port' }, 0, { min: 1, max: 65_535 })).toBe(6443);
    expect(reader.string({ env: 'vip_address' }, '')).toBe('10.0.0.1');
    expect(reader.oneOf({ env: 'mode' }, ['a', 'b'], 'a')).toBe('b');
    expect(reader.list({ env: 'peers' })).toEqual(['a', 'b']);
    expect(reader.optionalString({ env: 'absent' })).toBeUndefined();
    expect(() => reader.finish()).not.toThrow();
  });

  it('treats an empty variable as not set', () => {
    const reader = new SettingsReader({ env: { a: '', b: '  ' } });
    expect(reader.bool({ env: 'a' }, true)).toBe(true);
    expect(reader.isSet({ env: 'b' })).toBe(false);
  });

  it('prefers the flag unless told otherwise', () => {
    const sources = { env: { port: '1' }, flags: { port: '2' } };
    const range = { min: 0, max: 9 };
    expect(new SettingsReader(sources).integer({ env: 'port', flag: 'port' }, 0, range)).toBe(2);
    expect(
      new SettingsReader({ ...sources, prefer: 'env' }).integer({ env: 'port', flag: 'port' }, 0, range),
    ).toBe(1);
  });

  it('collects all problems with setting, received and expected before it fails', () => {
    const reader = new SettingsReader({ env: { a: 'maybe', b: '70000' }, flags: { c: '5 parsecs' } });
    reader.bool({ env: 'a' }, false);
    reader.integer({ env: 'b' }, 1, { min: 1, max: 65_535 });
    reader.durationMs({ flag: 'c' }, 1);
    expect(() => reader.finish()).toThrow(SettingsError);
    expect(reader.problems).toEqual([
      { setting: 'a', received: 'maybe', expected: 'true or false' },
      { setting: 'b', received: '70000', expected: 'a whole number from 1 to 65535' },
      { setting: '--c', received: '5 parsecs', expected: 'a duration such as 15s or 1m30s' },
    ]);
    expect(() => reader.finish()).toThrow(/a="maybe": expected true or false\n.*b="70000"/);
  });
});

describe('parseDurationMs', () => {
  it.each([
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['0', 0],
  ])('reads %s', (text, ms) => expect(parseDurationMs(text)).toEqual({ ok: true, value: ms }));

  it.each(['15', 's', '', '-1s', '1 s', '1x'])('refuses "%s"', (text) =>
    expect(parseDurationMs(text).ok).toBe(false),
  );

  it('keeps to its limits', () => {
    expect(parseDurationMs('1s', { minMs: 2_000 })).toEqual({
      ok: false,
      problem: 'a duration of at least 2000 ms',
    });
    expect(parseDurationMs('9s', { minMs: 0, maxMs: 5_000 }).ok).toBe(false);
  });
});

it('takes only the flags given on the command line', () => {
  const command = new Command()
    .option('--leader-elect <bool>', '', 'true')
    .option('--port <n>', '', '1')
    .exitOverride();
  command.parse(['--port', '7'], { from: 'user' });
  expect(flagsOf(command)).toEqual({ port: '7' });
});

describe('settings of a schema', () => {
  const port = { env: 'port', flag: 'port', file: 'port', value: integerType(1, { min: 1, max: 9 }) };
  const file = { port: { text: ' 4 ', place: 'a.yaml:1: port' } };

  it('come from a file where nobody else says anything', () => {
    expect(new SettingsReader({ env: {}, file }).value(port)).toBe(4);
    expect(new SettingsReader({ env: { port: '5' }, file }).value(port)).toBe(5);
    expect(new SettingsReader({ env: { port: '5' }, flags: { port: '6' }, file }).value(port)).toBe(6);
    expect(new SettingsReader({ env: {} }).value(port)).toBe(1);
    expect(new SettingsReader({ env: {} }).value(port, 7)).toBe(7);
  });

  it('have the name under which they were given', () => {
    const name = (sources: SettingSources) => new SettingsReader(sources).nameOf(port);
    expect(name({ env: {} })).toBe('port');
    expect(name({ env: {}, flags: { port: '1' } })).toBe('--port');
    expect(name({ env: {}, file })).toBe('a.yaml:1: port');
  });

  it('keep secrets out of problems, and know what was refused', () => {
    const secret = { ...port, secret: true };
    const reader = new SettingsReader({ env: { port: 'geheim' } });
    expect(reader.value(secret)).toBe(1);
    expect(reader.problems).toEqual([
      { setting: 'port', received: '(hidden)', expected: 'a whole number from 1 to 9' },
    ]);
    expect(reader.isRefused(secret)).toBe(true);
    expect(reader.isRefused({ env: 'other' })).toBe(false);
  });

  it.each([
    [durationType(2_000, { bareUnit: 's', minMs: 100, maxMs: 5_000 }), '3', 3_000, '2', '0.1 to 5'],
    [wordType(['a', 'b'], 'a'), 'b', 'b', 'a', 'a, b'],
    [wordType(['a', 'b'], undefined, 'neither'), 'a', 'a', 'neither', 'a, b'],
    [boolType(true), 'F', false, 'true', 'true or false'],
  ])('describe themselves', (type: ValueType<unknown>, text, value, defaultText, allowed) => {
    expect(type.parse(text)).toEqual({ ok: true, value });
    expect(type.parse('nothing of the kind').ok).toBe(false);
    expect(type).toMatchObject({ defaultText, allowed });
  });
});
