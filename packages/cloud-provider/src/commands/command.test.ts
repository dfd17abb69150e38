// SPDX-License-Identifier: Apache-2.0
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { CommanderError } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { createProgram } from './command.ts';
import { parseCommand } from './testing/parse-command.ts';

describe('command line', () => {
  it('takes the arguments of the manifest of kube-vip-cloud-provider', () => {
    const { settings } = parseCommand(['--leader-elect-resource-name=kube-vip-cloud-controller']);
    expect(settings).toMatchObject({
      configMap: { namespace: 'kube-system', name: 'kubevip', legacyName: 'plndr' },
      mode: { kind: 'classless' },
      election: {
        namespace: 'kube-system',
        leaseName: 'kube-vip-cloud-controller',
        timing: { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 },
      },
      status: { port: 10_258 },
      restMs: 60_000,
    });
  });

  it('takes the environment of kube-vip-cloud-provider', () => {
    const { settings } = parseCommand([], {
      KUBEVIP_NAMESPACE: 'lb',
      KUBEVIP_CONFIG_MAP: 'pools',
      KUBEVIP_ENABLE_LOADBALANCERCLASS: 'true',
      KUBEVIP_CUSTOM_LOADBALANCERCLASS_NAME: 'example.org/lb',
    });
    expect(settings.configMap).toEqual({ namespace: 'lb', name: 'pools' });
    expect(settings.mode).toEqual({ kind: 'class', name: 'example.org/lb' });
  });

  it.each([
    [
      { PLNDR_NAMESPACE: 'lb', PLNDR_CONFIG_MAP: 'old', PLNDR_SERVICE_CIDR: '10.0.0.0/8' },
      { namespace: 'lb', name: 'old' },
    ],
    [{ PLNDR_NAMESPACE: 'lb' }, { namespace: 'lb', name: 'kubevip', legacyName: 'plndr' }],
    [
      { PLNDR_NAMESPACE: 'a', PLNDR_CONFIG_MAP: 'b', KUBEVIP_NAMESPACE: 'c', KUBEVIP_CONFIG_MAP: 'd' },
      { namespace: 'c', name: 'd' },
    ],
  ])('takes the environment of plndr-cloud-provider where nothing newer is said: %j', (env, expected) => {
    expect(parseCommand([], env).settings.configMap).toEqual(expected);
  });

  it('ignores a class name while class mode is off, and has a default name', () => {
    expect(parseCommand([], { KUBEVIP_CUSTOM_LOADBALANCERCLASS_NAME: 'x/y' }).settings.mode).toEqual({
      kind: 'classless',
    });
    expect(parseCommand([], { KUBEVIP_ENABLE_LOADBALANCERCLASS: '1' }).settings.mode).toEqual({
      kind: 'class',
      name: 'kube-vip.io/kube-vip-class',
    });
  });

  it('takes flags in the ways Go programs are given them', () => {
    const { settings, ignoredFlags } = parseCommand([
      '--leader-elect=false',
      '-v=4',
      '--OutSideCluster',
      '--kubeconfig',
      '/etc/k',
      '--cloud-provider=kubevip',
      '--allow-untagged-cloud',
      '--concurrent-service-syncs=3',
      '--port=0',
    ]);
    expect(settings).toMatchObject({
      election: undefined,
      logLevel: 'debug',
      kubeconfig: '/etc/k',
      concurrency: 3,
    });
    expect(ignoredFlags).toEqual(['allow-untagged-cloud', 'cloud-provider']);
  });

  it('refuses an unknown flag by name', () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => parseCommand(['--banana'])).toThrow(CommanderError);
    expect(stderr.mock.calls.join()).toContain("unknown option '--banana'");
    stderr.mockRestore();
  });

  it('shows the sub-commands in its help', () => {
    const program = createProgram({ env: {}, version: '1.2.3', runDaemon: () => Promise.resolve() });
    expect(program.commands.map((command) => command.name())).toContain('check');
    expect(program.helpInformation()).toMatch(/^ {2}check /m);
  });

  it('reports every bad value at once', () => {
    const bad = () =>
      parseCommand(['--port=http', '--leader-elect-lease-duration=5s', '--leader-elect=maybe']);
    expect(bad).toThrow(SettingsError);
    try {
      bad();
    } catch (error) {
      expect((error as SettingsError).problems.map(({ setting }) => setting).sort()).toEqual([
        '--leader-elect',
        '--leader-elect-renew-deadline',
        '--port',
      ]);
    }
  });
});
