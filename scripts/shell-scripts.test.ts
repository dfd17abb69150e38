// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function shellScripts(): readonly string[] {
  const files = globSync('{deploy,scripts,test/e2e/case-studies}/**/*', { cwd: ROOT });
  return files.filter((file) => isShell(file)).toSorted();
}

function isShell(file: string): boolean {
  const there = statSync(`${ROOT}${file}`, { throwIfNoEntry: false })?.isFile() ?? false;
  return there && /^#!.*\b(?:ba)?sh\b/.test(readFileSync(`${ROOT}${file}`, 'utf8').split('\n', 1)[0] ?? '');
}

describe('shell scripts', () => {
  const scripts = shellScripts();

  it('are found', () => {
    expect(scripts).toContain('deploy/kind/up.sh');
  });

  it('pass shellcheck', () => {
    const { stdout, stderr, error } = spawnSync('shellcheck', scripts, { cwd: ROOT, encoding: 'utf8' });
    expect(error).toBeUndefined();
    expect(stdout + stderr).toBe('');
  });

  it.each(scripts)('%s can be executed and ends at the first mistake', (script) => {
    expect(statSync(`${ROOT}${script}`).mode & 0o111).toBe(0o111);
    const text = readFileSync(`${ROOT}${script}`, 'utf8');
    // One that only hands over to another program has nothing to go on with.
    if (text.split('\n').length > 12) expect(text).toMatch(/^set -eu/m);
  });
});
