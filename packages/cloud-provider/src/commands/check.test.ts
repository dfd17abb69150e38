// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkManifest } from './check-manifest.ts';
import { formatReport, reportAsJson } from './check-report.ts';
import { createProgram } from './command.ts';

const EXPECTED = { namespace: 'kube-system', name: 'kubevip', legacyName: 'plndr' };
const HEAD = `apiVersion: v1
kind: ConfigMap
metadata:
  name: kubevip
  namespace: kube-system
`;

/** `line severity key: problem` of each finding. */
function check(text: string): readonly string[] {
  return checkManifest(text, EXPECTED).findings.map(
    ({ line, severity, key, problem }) => `${line} ${severity} ${key ?? '-'}: ${problem}`,
  );
}

describe('a manifest without mistakes', () => {
  const text = `# The pools.
---
${HEAD}data:
  cidr-global: 192.0.2.0/24 # the lab
  range-dev: "198.51.100.1-198.51.100.9, 2001:db8::1-2001:db8::9"
  cidr-lan: 0.0.0.0/32
  pool-gold: 203.0.113.1
  pool-best: 203.0.113.2
  selector-best: tier=best
  allow-share-dev: "true"
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: kube-vip-cloud-provider }
`;

  it('has no findings, and its pools are told', () => {
    const report = checkManifest(text, EXPECTED);
    expect(formatReport('pools.yaml', report)).toBe(`ConfigMap kube-system/kubevip: 5 pools
  global     254 IPv4, for namespaces without a pool
  dev        9 IPv4 and 9 IPv6, for its namespace, sharing
  lan        IPv4 by DHCP, for its namespace
  pool-best  1 IPv4, for every namespace, labels tier=best
  pool-gold  1 IPv4, on request
`);
    expect(JSON.parse(reportAsJson('pools.yaml', report))).toMatchObject({
      ok: true,
      problems: [],
      configMaps: [
        { name: 'kubevip', pools: expect.arrayContaining([expect.objectContaining({ id: 'dev' })]) },
      ],
    });
  });

  it.each([
    [
      'JSON',
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: EXPECTED, data: {} }, undefined, '\t'),
    ],
    [
      'a List',
      `apiVersion: v1\nkind: List\nitems:\n- ${HEAD.replaceAll('\n', '\n  ')}data: {search-order: asc}\n`,
    ],
    [
      'the ConfigMap of plndr',
      `${HEAD.replace('kubevip', 'plndr')}data: {cidr-global: 192.0.2.0/24, plndr-services: x}`,
    ],
    ['anchors', `${HEAD}data: {cidr-a: &a 192.0.2.0/24, cidr-b: *a}`],
    ['Windows line ends', `${HEAD}data:\n  cidr-global: 192.0.2.0/24\n`.replaceAll('\n', '\r\n')],
  ])('may be %s', (_what, manifest) => {
    expect(check(manifest)).toEqual([]);
    expect(checkManifest(manifest, EXPECTED).configMaps).toHaveLength(1);
  });
});

describe('the line of a problem', () => {
  it('is that of the key, or of the entry in a value of several lines', () => {
    const text = `${HEAD}data:
  serach-order: desc
  cidr-global: |
    192.0.2.0/24,
    banana,

    192.0.2.300, 198.51.100.9/24
    banana
  range-dev: >-
    10.0.0.1-10.0.0.9,
    10.0.1.9-10.0.1.1
  range-plain: 10.0.0.1-10.0.0.9,
    10.0.1.9-10.0.1.1
  range-quoted: "10.0.0.1-10.0.0.9,
    cherry"
  range-next-line:
    apple
`;
    expect(check(text).map((finding) => finding.split(':')[0])).toEqual([
      '7 warning serach-order',
      '10 error cidr-global',
      '12 error cidr-global',
      '12 notice cidr-global',
      '13 error cidr-global',
      '16 error range-dev',
      '18 error range-plain',
      '20 error range-quoted',
      '21 error range-next-line',
    ]);
  });

  it('is written as compilers do', () => {
    const text = `${HEAD}data:\n  ranges-global: 10.0.0.1-10.0.0.9\n  cidr-global: |\n    10.0.0.0/24\n    x\n`;
    expect(formatReport('a.yaml', checkManifest(text, EXPECTED)).split('\n').slice(0, 2)).toEqual([
      'a.yaml:7: warning: ranges-global=10.0.0.1-10.0.0.9: unknown key; did you mean range-global?',
      'a.yaml:10: error: cidr-global=10.0.0.0/24 x: "x" is not a CIDR; expected one or more CIDRs, for example 192.0.2.0/24,2001:db8::/64',
    ]);
  });
});

describe('what the API server or kubectl would refuse', () => {
  it.each([
    [
      'a boolean',
      'allow-share-dev: true',
      /^7 error allow-share-dev: is a boolean, .*expected "true" in quotes/,
    ],
    ['a boolean of YAML 1.1', 'allow-share-dev: yes', /^7 error allow-share-dev: is a boolean to kubectl/],
    ['a number', 'cooldown-global: 60', /^7 error cooldown-global: is a number, .*expected "60" in quotes/],
    ['a list', 'cidr-global: [192.0.2.0/24]', /^7 error cidr-global: is a list/],
    ['a mapping', 'cidr-global: {a: b}', /^7 error cidr-global: is a mapping/],
    ['nothing', 'cidr-global:', /^7 warning cidr-global: has no value/],
    ['a bad key', 'cidr global: x', /^7 error cidr global: the API server refuses this key/],
  ])('%s', (_what, line, expected) => {
    expect(check(`${HEAD}data:\n  ${line}\n`)[0]).toMatch(expected);
  });

  it('is not text in quotes, or with a tag', () => {
    expect(check(`${HEAD}data:\n  allow-share-a: "yes"\n  allow-share-b: !!str true\n`)).toEqual([
      expect.stringMatching(/^7 warning allow-share-a: expected true or false/),
    ]);
  });

  it('is read as it is meant, so that one look shows all', () => {
    const { configMaps } = checkManifest(
      `${HEAD}data:\n  allow-share-dev: true\n  cooldown-global: 60\n`,
      EXPECTED,
    );
    expect(configMaps[0]?.pools.sharing.get('dev')).toBe(true);
    expect(configMaps[0]?.pools.problems.map(({ key }) => key)).toEqual(['cooldown-global']);
  });

  it.each([
    ['bad YAML', `${HEAD}data: {cidr-global: x`, /^6 error -: Flow map .*\(BAD_INDENT\)|^[67] error -:/],
    [
      'a key twice',
      `${HEAD}data:\n  cidr-global: x\n  cidr-global: y\n`,
      /^8 error -: Map keys must be unique/,
    ],
    ['a tab', `${HEAD}data:\n\tcidr-global: x\n`, /^7 error -: Tabs are not allowed/],
    ['data that is a list', `${HEAD}data: [a]\n`, /^6 error -: data is no mapping/],
    ['another apiVersion', HEAD.replace('v1', 'v2'), /^1 error -: apiVersion is v2; expected v1/],
    ['no apiVersion', HEAD.replace(/.*\n/, ''), /^1 error -: apiVersion is missing; expected v1/],
  ])('%s', (_what, text, expected) => {
    expect(check(text)[0]).toMatch(expected);
  });
});

describe('a ConfigMap that nobody reads', () => {
  it.each([
    [
      'another name',
      HEAD.replace('kubevip', 'kube-vip'),
      /^4 warning -: nobody reads the ConfigMap kube-system\/kube-vip; expected kube-system\/kubevip/,
    ],
    [
      'another namespace',
      HEAD.replace('kube-system', 'default'),
      /^4 warning -: nobody reads the ConfigMap default\/kubevip/,
    ],
    [
      'no namespace',
      HEAD.replace(/ {2}namespace.*\n/, ''),
      /^4 notice -: has no namespace; expected kube-system/,
    ],
    [
      'binary data',
      `${HEAD}binaryData:\n  cidr-global: eA==\n`,
      /^7 warning cidr-global: has no effect under binaryData/,
    ],
    ['twice', `${HEAD}---\n${HEAD}`, /^10 warning -: is the ConfigMap kubevip once more/],
  ])('%s', (_what, text, expected) => {
    expect(check(text)).toEqual([expect.stringMatching(expected)]);
  });

  it.each([
    ['an empty file', '', /^1 error -: holds no ConfigMap; expected the ConfigMap kube-system\/kubevip/],
    ['comments', '# nothing\n---\n', /^1 error -: holds no ConfigMap/],
    ['another kind', HEAD.replace('ConfigMap', 'Secret'), /^2 error -: is of kind Secret; expected/],
    [
      'a kind spelled wrong',
      HEAD.replace('ConfigMap', 'Configmap').replace('kubevip', 'x'),
      /^2 error -: is of kind Configmap/,
    ],
    ['no kind', 'data: {cidr-global: 192.0.2.0/24}', /^1 error -: has no kind/],
    ['no object', 'hello', /^1 error -: is no Kubernetes object/],
    ['an empty list', 'apiVersion: v1\nkind: List\nitems: []', /^1 error -: holds no ConfigMap/],
  ])('%s', (_what, text, expected) => {
    expect(check(text)).toEqual([expect.stringMatching(expected)]);
  });

  it('leaves other ConfigMaps of the file alone, unless they look like pools', () => {
    const other = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: web}\ndata: {index.html: x}\n`;
    expect(check(`${HEAD}${other}`)).toEqual([]);
    expect(check(`${HEAD}${other.replace('index.html', 'cidr-global')}`)).toEqual([
      expect.stringMatching(/^9 warning -: nobody reads the ConfigMap web\/web/),
      expect.stringMatching(/^10 error cidr-global/),
    ]);
  });
});

it('reads a list that holds itself', () => {
  expect(check('&a\nkind: List\nitems: [*a, *a]\n')).toEqual([expect.stringMatching(/holds no ConfigMap/)]);
});

it('reads any text without throwing', () => {
  const part = fc.constantFrom(
    ...[
      'kind: ConfigMap\n',
      'apiVersion: v1\n',
      'data:\n',
      '  cidr-global: ',
      '"',
      '|\n',
      '- ',
      '{',
      '}',
      '[',
      ': ',
    ],
    ...[
      '&a ',
      '*a',
      '<<: *a\n',
      '---\n',
      '\n',
      '\t',
      '192.0.2.0/24',
      ',',
      '? ',
      '! ',
      '%YAML 1.1\n',
      'items:\n',
      '#',
    ],
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 20 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (manifest) => {
      const report = checkManifest(manifest, EXPECTED);
      const lines = manifest.split('\n').length;
      for (const { line } of report.findings) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines);
      }
      expect(formatReport('f', report).split('\n').length).toBeGreaterThanOrEqual(report.findings.length);
    }),
  );
});

describe('cloud-provider check', () => {
  const folders: string[] = [];

  afterEach(async () => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });

  async function run(
    text: string | undefined,
    args: readonly string[] = [],
    env: Record<string, string> = {},
  ) {
    const folder = await mkdtemp(join(tmpdir(), 'check-'));
    folders.push(folder);
    const file = join(folder, 'pools.yaml');
    if (text !== undefined) await writeFile(file, text);
    const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const program = createProgram({
      env,
      version: '1',
      runDaemon: () => Promise.reject(new Error('daemon')),
    });
    await program.parseAsync(['check', ...args, file], { from: 'user' });
    return { code: process.exitCode, stdout: stdout.mock.calls.join(''), stderr: stderr.mock.calls.join('') };
  }

  it('ends with 0 when there are only notices', async () => {
    const { code, stdout } = await run(`${HEAD}data:\n  cidr-global: 192.0.2.7/24\n`);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /pools\.yaml:7: notice: cidr-global=.*host bits.*\nConfigMap kube-system\/kubevip: 1 pool\n/,
    );
  });

  it('ends with 1 when there are warnings or errors', async () => {
    expect((await run(`${HEAD}data:\n  serach-order: desc\n`)).code).toBe(1);
    expect((await run(`${HEAD}data:\n  cidr-global: x\n`)).code).toBe(1);
  });

  it('ends with 2 when the file cannot be read, or the command line', async () => {
    const { code, stderr } = await run(undefined);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^cannot read .*pools\.yaml: ENOENT/);
    await expect(run('', ['--output', 'xml'])).rejects.toMatchObject({ exitCode: 2 });
  });

  it('writes JSON', async () => {
    const { stdout } = await run(`${HEAD}data:\n  serach-order: desc\n`, ['--output', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      problems: [{ line: 7, severity: 'warning', key: 'serach-order', nearestKey: 'search-order' }],
      configMaps: [{ namespace: 'kube-system', name: 'kubevip', line: 1, pools: [] }],
    });
  });

  it('expects the ConfigMap that the daemon would read', async () => {
    const env = { KUBEVIP_NAMESPACE: 'lb', KUBEVIP_CONFIG_MAP: 'pools' };
    expect((await run(HEAD, [], env)).code).toBe(1);
    expect((await run(HEAD.replace('kubevip', 'pools').replace('kube-system', 'lb'), [], env)).code).toBe(0);
  });
});
