// SPDX-License-Identifier: Apache-2.0

/** Where V8 finds compiled code in an image. */
export const COMPILE_CACHE = '/usr/lib/fairlead/compile-cache';

/** The images that are built, named as their packages. */
export type ImageName = 'agent' | 'cloud-provider';

/** What is in an image. How it is started stands in `deploy/image/Dockerfile`. */
export interface ImageContents {
  /** File of the bundle that is started. */
  readonly bundle: string;
  /** For Node. The code that was compiled at build time is found only with the same ones. */
  readonly nodeFlags: readonly string[];
  /** For the C library and Node. The Dockerfile says the same. */
  readonly env: Readonly<Record<string, string>>;
  /** Who runs it, as a number. The Dockerfile says the same. */
  readonly user: number;
  /** How it is started once to have its code compiled. */
  readonly start: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
  /** Programs that are called, and what Node itself is linked to. */
  readonly debianPackages: readonly string[];
  /** Packages of npm that stay outside the bundle. */
  readonly nativeModules: readonly string[];
  /** Path -> where it leads. */
  readonly links: Readonly<Record<string, string>>;
}

const NODE_NEEDS = ['libc6', 'libstdc++6'] as const;

/** The iptables that Debian chooses, by scripts that are not run here; the other ones stay beside it. */
const IPTABLES = Object.fromEntries(
  ['iptables', 'ip6tables'].flatMap((name) =>
    ['', '-save', '-restore'].map((suffix) => [`usr/sbin/${name}${suffix}`, `${name}-nft${suffix}`]),
  ),
);

/** Every image, with the names under which manifests for the peers start the program. */
export const IMAGES: Readonly<Record<ImageName, ImageContents>> = {
  agent: {
    bundle: 'agent.js',
    // A small young generation, no helper threads, and a heap that is collected when there is nothing to do.
    nodeFlags: ['--max-semi-space-size=1', '--single-threaded-gc', '--expose-gc'],
    // One arena for all threads.
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, MALLOC_ARENA_MAX: '1' },
    user: 0,
    start: {
      args: ['manager'],
      env: {
        vip_arp: 'true',
        vip_interface: 'lo',
        vip_nodename: 'image',
        svc_enable: 'true',
        svc_election: 'true',
        prometheus_server: ':2112',
        fairlead_balance: 'nftables',
      },
    },
    debianPackages: [...NODE_NEEDS, 'iproute2', 'nftables', 'iptables', 'conntrack', 'ipvsadm', 'kmod'],
    nativeModules: ['koffi'],
    links: {
      'usr/bin/agent': '../lib/fairlead/agent.js',
      'kube-vip': 'usr/lib/fairlead/agent.js',
      ...IPTABLES,
    },
  },
  'cloud-provider': {
    bundle: 'cloud-provider.js',
    nodeFlags: ['--max-semi-space-size=4'],
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    user: 65532,
    start: { args: [], env: {} },
    debianPackages: NODE_NEEDS,
    nativeModules: [],
    links: {
      'usr/bin/cloud-provider': '../lib/fairlead/cloud-provider.js',
      'kube-vip-cloud-provider': 'usr/lib/fairlead/cloud-provider.js',
    },
  },
};
