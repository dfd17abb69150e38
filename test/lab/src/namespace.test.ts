// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { explainRefusal, insideLabNamespace, NAMESPACE_MARKER } from './namespace.ts';

describe('explainRefusal', () => {
  const settings = (values: Readonly<Record<string, string>>) => (path: string) => values[path];

  it('names the settings that forbid user namespaces, in one line', () => {
    const text = explainRefusal(
      'Operation not permitted',
      settings({
        '/proc/sys/kernel/unprivileged_userns_clone': '0',
        '/proc/sys/user/max_user_namespaces': '0',
        '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1',
      }),
    );
    expect(text).toContain('kernel.unprivileged_userns_clone=1');
    expect(text).toContain('user.max_user_namespaces=10000');
    expect(text).toContain('kernel.apparmor_restrict_unprivileged_userns=0');
    expect(text).not.toContain('\n');
  });

  it('advises root when no setting explains it', () => {
    expect(explainRefusal('No space left on device', settings({}))).toMatch(/No space left.*run as root$/);
    expect(explainRefusal('x', settings({ '/proc/sys/user/max_user_namespaces': '100' }))).toMatch(
      /run as root$/,
    );
  });
});

describe('insideLabNamespace', () => {
  it('does not believe the environment alone', () => {
    expect(insideLabNamespace({})).toBe(false);
    if (process.env[NAMESPACE_MARKER] === undefined) {
      expect(insideLabNamespace({ [NAMESPACE_MARKER]: '1' })).toBe(false);
    }
  });
});
