// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { type Document, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type YAMLMap } from 'yaml';
import type { SettingInputs } from './setting-inputs.ts';

/** What the manager would be given by a Pod, DaemonSet or Deployment. */
export interface ManifestInputs {
  readonly inputs: Omit<SettingInputs, 'flags' | 'file'>;
  /** Arguments of the container, without the name of the command. */
  readonly args: readonly string[];
  /** Where a variable stands, for example `kube-vip.yaml:57`. */
  readonly placeOf: (variable: string) => string | undefined;
}

/** Values that only the cluster knows: of what they may be, this one is. */
const UNKNOWN_VALUE = 'in-the-cluster';

/**
 * Finds the container that runs `manager` in a manifest, and what it would be given. Values that come from fields or other objects
 * are put in as words of the right form. Pure.
 *
 * @throws SettingsError when there is none, or more than one
 */
export function inputsFromManifest(path: string, text: string): ManifestInputs {
  const file = basename(path);
  const refuse = (expected: string): never => {
    throw new SettingsError([{ setting: '--manifest', received: path, expected }]);
  };
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...documents].flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) {
    refuse(`YAML (line ${lines.linePos(broken.pos[0]).line}: ${broken.message})`);
  }
  const found = [...documents].flatMap((document) => managersIn(document));
  const [manager] = found;
  if (manager === undefined || found.length > 1) {
    return refuse(`a manifest with one container that runs manager; there are ${found.length}`);
  }
  const env: Record<string, string> = {};
  const places = new Map<string, string>();
  for (const entry of itemsOf(manager.container.get('env', true))) {
    const name = textOf(entry.get('name', true));
    if (name === undefined) continue;
    env[name] = entry.has('valueFrom') ? UNKNOWN_VALUE : (textOf(entry.get('value', true)) ?? '');
    places.set(name, `${file}:${lines.linePos(entry.range?.[0] ?? 0).line}`);
  }
  return {
    inputs: {
      env: { ...env, KUBERNETES_SERVICE_HOST: '10.96.0.1' },
      hostName: UNKNOWN_VALUE,
      ...(manager.hasAccount ? { tokenNamespace: manager.namespace } : {}),
    },
    args: manager.args,
    placeOf: (variable) => places.get(variable),
  };
}

interface Manager {
  readonly container: YAMLMap;
  /** After `manager`. */
  readonly args: readonly string[];
  readonly namespace: string;
  readonly hasAccount: boolean;
}

function managersIn(document: Document.Parsed): readonly Manager[] {
  const root = document.contents;
  if (!isMap(root)) return [];
  const spec = [root.getIn(['spec', 'template', 'spec'], true), root.get('spec', true)].find(
    (each) => isMap(each) && each.has('containers'),
  );
  if (!isMap(spec)) return [];
  const namespace = textOf(root.getIn(['metadata', 'namespace'], true)) ?? 'kube-system';
  const hasAccount = spec.has('serviceAccountName') || spec.has('serviceAccount');
  return itemsOf(spec.get('containers', true)).flatMap((container) => {
    const words = [container.get('command', true), container.get('args', true)].flatMap((list) =>
      isSeq(list) ? list.items.flatMap((item) => textOf(item) ?? []) : [],
    );
    const at = words.indexOf('manager');
    return at < 0 ? [] : [{ container, args: words.slice(at + 1), namespace, hasAccount }];
  });
}

function itemsOf(list: unknown): readonly YAMLMap[] {
  return isSeq(list) ? list.items.filter((item) => isMap(item)) : [];
}

function textOf(node: unknown): string | undefined {
  return isScalar(node) && node.value !== null ? String(node.value) : undefined;
}
