// SPDX-License-Identifier: Apache-2.0
import { CommanderError } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { IGNORED_FLAGS } from './stock-flags.ts';
import { parseCommand } from './testing/parse-command.ts';

describe('flags of a cloud controller manager', () => {
  it.each([
    ['kube-vip-cloud-provider', ['--leader-elect-resource-name=kube-vip-cloud-controller']],
    ['plndr-cloud-provider', ['--leader-elect-resource-name', 'plndr-cloud-provider']],
  ])('that the manifest of %s carries', (_peer, args) => {
    const { settings, ignoredFlags } = parseCommand(args);
    expect(settings.election?.leaseName).toBe(args.join('=').split('=').at(-1));
    expect(ignoredFlags).toEqual([]);
  });

  it('that a manifest for the stock one carries are all taken', () => {
    const stock = [
      '--allocate-node-cidrs=true',
      '--authentication-kubeconfig=/etc/kubernetes/ccm.conf',
      '--authorization-kubeconfig=/etc/kubernetes/ccm.conf',
      '--bind-address=127.0.0.1',
      '--cloud-config=/etc/cloud.conf',
      '--cloud-provider=external',
      '--cluster-cidr=10.244.0.0/16',
      '--configure-cloud-routes=false',
      '--controllers=*,-node',
      '--controllers',
      '-service',
      '--feature-gates=CloudControllerManagerWebhook=true',
      '--kubeconfig=/etc/kubernetes/ccm.conf',
      '--leader-elect=true',
      '--leader-elect-lease-duration=137s',
      '--leader-elect-renew-deadline=107s',
      '--leader-elect-retry-period=26s',
      '--profiling=false',
      '--secure-port=10268',
      '--tls-cipher-suites=TLS_AES_128_GCM_SHA256',
      '--use-service-account-credentials',
      '--webhooks=',
      '--v',
      '2',
    ];
    const { settings, ignoredFlags } = parseCommand(stock);
    expect(settings.election?.timing.leaseDurationMs).toBe(137_000);
    expect(settings.status.host).toBe('127.0.0.1');
    expect(ignoredFlags).toContain('controllers');
    expect(ignoredFlags).not.toContain('bind-address');
  });

  it.each(IGNORED_FLAGS)('--%s', (name) => {
    expect(parseCommand([`--${name}=true`, '--concurrent-service-syncs=7'])).toMatchObject({
      settings: { concurrency: 7 },
      ignoredFlags: [name],
    });
    expect(parseCommand([`--${name}`, 'true']).ignoredFlags).toEqual([name]);
  });

  it.each([
    [['-v=4'], { logLevel: 'debug' }],
    [['-v', '4'], { logLevel: 'debug' }],
    [['-v4'], { logLevel: 'debug' }],
    [['--v', '4'], { logLevel: 'debug' }],
    [['--v=6'], { logLevel: 'trace' }],
    [['-leader-elect=false'], { election: undefined }],
    [['--leader-elect=false'], { election: undefined }],
    [['--leader_elect=false'], { election: undefined }],
    [['-leader-elect=true', '-kubeconfig', '/k'], { kubeconfig: '/k' }],
    [['--leader-elect', '--kubeconfig=/k'], { kubeconfig: '/k' }],
    [['--OutSideCluster=true', '-master=https://h:6443'], { server: 'https://h:6443' }],
    [['--leader-elect=false', '--leader-elect-resource-lock=endpoints'], { election: undefined }],
  ])('in the ways they may be written: %j', (args, expected) => {
    expect(parseCommand(args).settings).toMatchObject(expected);
  });

  it.each([
    ['--version', '1.2.3\n'],
    ['--version=true', '1.2.3\n'],
    ['--version=raw', '1.2.3\n'],
  ])('%s tells the version', (argument, expected) => {
    const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(() => parseCommand([argument])).toThrow(CommanderError);
    expect(stdout.mock.calls.join('')).toBe(expected);
    stdout.mockRestore();
  });

  it.each([
    [['--banana=1'], "unknown option '--banana=1'"],
    [['-banana'], "unknown option '-banana'"],
    [['--kubeconfig'], 'argument missing'],
    [['extra'], 'too many arguments'],
  ])('are refused when unknown or wrong: %j', (args, message) => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => parseCommand(args)).toThrow(CommanderError);
    expect(stderr.mock.calls.join()).toContain(message);
    stderr.mockRestore();
  });

  it('tells of environment that has no effect', () => {
    expect(
      parseCommand([], { PLNDR_SERVICE_CIDR: '10.0.0.0/8', PLNDR_NAMESPACE: 'x' }).ignoredEnvironment,
    ).toEqual(['PLNDR_SERVICE_CIDR']);
  });
});
