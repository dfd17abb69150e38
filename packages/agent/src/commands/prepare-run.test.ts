// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type PrepareFlags, runPrepare } from './prepare-run.ts';

/** A kernel whose settings are these; loading a module fails when it is not among the modules. */
function fakeKernel(settings: Record<string, string>, modules: readonly string[] = []) {
  const values = new Map(Object.entries(settings));
  const written: string[] = [];
  return {
    written,
    read: async (name: string) => values.get(name),
    write: async (name: string, value: string) => {
      if (!values.has(name)) throw new Error(`ENOENT ${name}`);
      values.set(name, value);
      written.push(`${name}=${value}`);
    },
    load: async (module: string) => {
      if (!modules.includes(module)) throw new Error(`modprobe ${module}: not found`);
      written.push(module);
      if (module === 'ip_vs') {
        for (const each of ['conntrack', 'expire_nodest_conn', 'expire_quiescent_template']) {
          values.set(`net.ipv4.vs.${each}`, '0');
        }
      }
    },
  };
}

const FORWARDING = { 'net.ipv4.ip_forward': '0', 'net.ipv6.conf.all.forwarding': '1' };

describe('agent prepare', () => {
  let said = '';
  let complained = '';
  const prepare = (
    kernel: ReturnType<typeof fakeKernel>,
    features: readonly string[],
    flags: PrepareFlags = {},
  ) => {
    said = '';
    complained = '';
    return runPrepare({
      features,
      flags,
      kernel,
      write: (text) => {
        said += text;
      },
      complain: (text) => {
        complained += text;
      },
    });
  };

  it('sets what is not as a feature needs it, and nothing else', async () => {
    const kernel = fakeKernel(FORWARDING);
    expect(await prepare(kernel, ['nftables'])).toBe(0);
    expect(kernel.written).toEqual(['net.ipv4.ip_forward=1']);
    expect(said).toContain('net.ipv6.conf.all.forwarding is 1\n');
    expect(await prepare(kernel, ['nftables'])).toBe(0);
    expect(kernel.written).toHaveLength(1);
  });

  it('loads modules first, and each thing once for all features', async () => {
    const kernel = fakeKernel(FORWARDING, ['ip_vs']);
    expect(await prepare(kernel, ['nftables', 'ipvs'])).toBe(0);
    expect(kernel.written).toEqual([
      'ip_vs',
      'net.ipv4.ip_forward=1',
      'net.ipv4.vs.conntrack=1',
      'net.ipv4.vs.expire_nodest_conn=1',
      'net.ipv4.vs.expire_quiescent_template=1',
    ]);
  });

  it('says what it cannot do and does the rest', async () => {
    const kernel = fakeKernel({ ...FORWARDING, 'net.netfilter.nf_conntrack_tcp_loose': '1' });
    expect(await prepare(kernel, ['syn-proxy', 'nftables'])).toBe(1);
    expect(kernel.written).toEqual(['net.netfilter.nf_conntrack_tcp_loose=0', 'net.ipv4.ip_forward=1']);
    expect(complained).toContain('cannot load the module nft_synproxy: modprobe nft_synproxy: not found');
    expect(await prepare(kernel, ['syn-proxy'], { keepGoing: true })).toBe(0);
  });

  it('only says what it would do', async () => {
    const kernel = fakeKernel(FORWARDING);
    expect(await prepare(kernel, ['nftables'], { dryRun: true })).toBe(0);
    expect(kernel.written).toEqual([]);
    expect(said).toContain('would set net.ipv4.ip_forward=1 (it was 0)');
  });

  it('refuses a feature it does not know before it sets anything', async () => {
    const kernel = fakeKernel(FORWARDING);
    expect(await prepare(kernel, ['nftables', 'ebpf'], { keepGoing: true })).toBe(1);
    expect(complained).toBe(
      'agent prepare: unknown feature "ebpf"; expected "nftables", "ipvs", "syn-proxy"\n',
    );
    expect(kernel.written).toEqual([]);
  });
});
