// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { containerArgv, expandReferences, findImage, imageRepository, parseImages } from './images.ts';

describe('images', () => {
  it.each([
    ['echo-app:latest', 'echo-app'],
    ['ghcr.io/kube-vip/kube-vip:v0.8.0', 'ghcr.io/kube-vip/kube-vip'],
    ['registry:5000/a/b', 'registry:5000/a/b'],
    ['registry:5000/a/b:1@sha256:00', 'registry:5000/a/b'],
    ['a@sha256:00', 'a'],
  ])('the repository of %s is %s', (image, repository) => {
    expect(imageRepository(image)).toBe(repository);
  });

  it('are found by repository, whichever way Docker Hub is written', () => {
    const table = parseImages('{"echo-app": ["node", "echo.ts"], "x/y": {"entrypoint": ["z"]}}');
    expect(findImage(table, 'docker.io/library/echo-app:1')?.entrypoint).toEqual(['node', 'echo.ts']);
    expect(findImage(table, 'docker.io/x/y')?.entrypoint).toEqual(['z']);
    expect(findImage(table, 'nginx')).toBeUndefined();
  });

  it('say what is wrong with the table', () => {
    expect(() => parseImages('{"a": "b"}')).toThrow('images file: "a" is "b", expected an argv');
  });

  it.each([
    [{}, ['entry', 'default']],
    [{ args: ['manager'] }, ['entry', 'manager']],
    [{ command: ['/kube-vip'], args: ['manager'] }, ['node', 'agent.js', 'manager']],
    [{ command: ['sh', '-c', 'echo $(NAME)'] }, ['sh', '-c', 'echo pod-1']],
  ])('with %j the command line is %j', (container, expected) => {
    const recipe = {
      entrypoint: ['entry'],
      cmd: ['default'],
      binaries: { '/kube-vip': ['node', 'agent.js'] },
    };
    expect(containerArgv(recipe, container, { NAME: 'pod-1' })).toEqual(expected);
  });

  it('leave unknown and escaped references as they are', () => {
    expect(expandReferences('$(A) $(B) $$(A) $A', { A: 'x' })).toBe('x $(B) $(A) $A');
  });
});
