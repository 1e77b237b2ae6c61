// What the API answers, as far as the console shows it; used by the type check only, and never served.

import type * as msalBrowser from "@azure/msal-browser";

declare global {
  const msal: typeof msalBrowser;
  const SwaggerUIBundle: (options: Record<string, unknown>) => unknown;

  interface Configuration {
    tenantId: string;
    clientId?: string;
    scope: string;
    authority: string;
    apiVersion: string;
  }

  interface Account {
    objectId: string;
    username: string;
    name: string;
  }

  /** Who reads the page; `teams` are known of those only who may read HSMs. */
  interface Caller extends Account {
    roles: string[];
    teams: string[];
  }

  interface FieldError {
    field: string;
    message: string;
    code: string;
  }

  interface ErrorDetail {
    code: string;
    message: string;
    retryable?: boolean;
    advice?: string;
    azureRequestId?: string;
    errors?: FieldError[];
  }

  interface Principal {
    tenantId: string;
    objectId: string;
    kind: "application" | "person";
  }

  interface Receipt {
    operationId: string;
    attempt: number;
    blobUrl: string;
    etag: string;
    sha256: string;
    size: number;
    quorum: number;
    thumbprints: string[];
    storedAt?: string;
  }

  interface OperationReference {
    id: string;
    kind: string;
    status: string;
  }

  interface HsmSummary {
    name: string;
    team: string;
    environment?: string;
    location: string;
    sku?: string;
    state: string;
    uri?: string;
    resourceId?: string;
    createdAt?: string;
    expiresAt?: string;
    monthlyCostUsd?: number;
    quorumHealth: string;
    verifiedAt?: string;
    lastOperation?: OperationReference;
  }

  interface Network {
    defaultAction: "Allow" | "Deny";
    ipRules: string[];
    virtualNetworkRules?: string[];
    serviceTags?: string[];
    bypass?: "AzureServices" | "None";
  }

  interface Hsm extends HsmSummary {
    administrators?: string[];
    tags?: Record<string, string>;
    purgeProtection?: boolean;
    softDeleteRetentionDays?: number;
    publicNetworkAccess?: string;
    network?: Network;
    identities?: string[];
    additionalRegions?: string[];
    requester?: Principal;
    securityDomain?: Receipt;
    backup?: Backups;
    decommissioned?: { backup?: FullBackup };
    hold?: { by: Principal; at: string; reason: string };
  }

  interface Share {
    custodian?: string;
    thumbprint: string;
    certificateId?: string;
    certificate?: string;
  }

  interface Check {
    name: string;
    title: string;
    verdict: "Passed" | "Failed" | "Warning" | "Skipped";
    message?: string;
  }

  interface Verification {
    verifiedAt: string;
    faults: string[];
    checks: Check[];
    quorumHealth: string;
    shares: Share[];
  }

  interface SecurityDomain {
    quorum?: number;
    shares: Share[];
    receipt?: Receipt;
    verification?: Verification;
  }

  interface Step {
    name: string;
    title?: string;
    status: string;
    attempts: number;
    startedAt?: string;
    finishedAt?: string;
  }

  interface Approval {
    required: boolean;
    reasons: string[];
    expiresAt?: string;
    planSha256?: string;
    decision?: string;
    decidedBy?: Principal;
    decidedAt?: string;
    comment?: string;
  }

  interface Change {
    tags: Record<string, string>;
    removedTags: string[];
    network?: Network;
    publicNetworkAccess?: string;
    purgeProtection?: boolean;
    identities?: string[];
    removedIdentities?: string[];
    additionalRegions?: string[];
    removesExpiry: boolean;
  }

  interface Plan {
    resourceId: string;
    location: string;
    sku: string;
    environment?: string;
    expiresAt?: string;
    monthlyCostUsd?: number;
    administrators: string[];
    purgeProtection: boolean;
    softDeleteRetentionDays: number;
    publicNetworkAccess: string;
    network: Network;
    identities?: string[];
    additionalRegions?: string[];
    tags: Record<string, string>;
    quorum?: number;
    wrappingKeys: Share[];
    change?: Change;
    found?: { madeAt: string; state: string };
    source?: { hsm: string };
    backup?: FullBackup & { identity: string };
    handover?: Handover;
    confirmedAdministrators?: string[];
    deletion?: Deletion;
  }

  /** What an HSM is to have around it: each member is shown as it is. */
  type Handover = Record<string, unknown>;

  interface HandedPart {
    part: string;
    state: "Built" | "Failed" | "NotReached" | "NotAsked";
    where: string[];
    operationId?: string;
    requester?: Principal;
    requestedBy?: string;
    at?: string;
  }

  interface Duty {
    name: string;
    title: string;
    reason: string;
    commands: string[];
  }

  interface HandoverSheet {
    hsm: string;
    resourceId: string;
    operationId: string;
    status: string;
    error?: ErrorDetail;
    recordedAt: string;
    asked: Handover;
    parts: HandedPart[];
    securityDomain?: Receipt;
    administrators: string[];
    service: string;
    expiresAt?: string;
    toDo: Duty[];
  }

  interface Deletion {
    deletes: boolean;
    purges: boolean;
    wasActive: boolean;
    keptUntil?: string;
    usage?: { since: string; until: string; requests?: number; lastUsedOn?: string };
    backup?: { container: string; identity: string };
    lock?: string;
    privateEndpoints: string[];
    backedUp?: FullBackup;
  }

  interface Backups {
    last?: FullBackup & { endedAt: string };
    running: boolean;
    tooOld: boolean;
    failure?: { message: string; advice?: string };
  }

  interface FullBackup {
    container: string;
    folder: string;
  }

  interface OperationSummary extends OperationReference {
    hsm: string;
    team: string;
    requester: Principal;
    requestedBy?: string;
    createdAt: string;
    finishedAt?: string;
    percentComplete: number;
    currentStep?: { name: string; status: string };
    awaitingApproval?: boolean;
  }

  interface Operation extends OperationSummary {
    steps: Step[];
    warnings?: { code: string; message: string }[];
    approval?: Approval;
    plan?: Plan;
    cancel?: { by: Principal; at: string };
    error?: ErrorDetail;
    exists?: {
      resourceGroup?: string;
      hsm?: { state: string; resourceId: string };
      monthlyCostUsd?: number;
      resume?: string;
    };
    result?: {
      resourceId: string;
      uri: string;
      securityDomain?: Receipt;
      restoredBackup?: FullBackup;
      decommissioned?: { backup?: FullBackup };
    };
  }

  interface JudgedHsm {
    hsm: string;
    team?: string;
    action: "keep" | "warn" | "delete" | "purge";
    reason: string;
    due?: string;
    purges: boolean;
    expiresAt?: string;
    monthlyCostUsd?: number;
    operationId?: string;
    error?: string;
  }

  interface MoneyBurnt {
    hsms: number;
    monthlyUsd: number;
  }

  interface CleanupReport {
    startedAt: string;
    finishedAt: string;
    enforced: boolean;
    judged: number;
    unjudged: string[];
    verdicts: JudgedHsm[];
    resourceGroups: string[];
    saved: MoneyBurnt;
    burning: Record<string, MoneyBurnt>;
    forgottenInstances: number;
    forgottenEvents: number;
    forgottenAnswers: number;
    forgottenOnboardings: number;
  }

  interface CleanupReports {
    running: boolean;
    progress?: { judged: number; failed: number; started: number };
    report?: CleanupReport;
  }

  interface DriftFinding {
    hsm: string;
    resourceId: string;
    team?: string;
    code: string;
    severity: string;
    expected?: string;
    found?: string;
    since: string;
    healing: string;
    operationId?: string;
  }

  interface AbandonedOperation {
    hsm: string;
    operationId: string;
    claimedAt: string;
    outcome: string;
    error?: ErrorDetail;
  }

  interface MissingHsm {
    subscriptionId: string;
    hsm: string;
    outcome: string;
    operationId?: string;
    error?: ErrorDetail;
  }

  interface ReconciliationReport {
    startedAt: string;
    finishedAt: string;
    first: boolean;
    checked: number;
    unchecked: string[];
    busy: string[];
    unlistedSubscriptions: string[];
    drift: DriftFinding[];
    driftLeftOut: number;
    abandoned: AbandonedOperation[];
    missing: MissingHsm[];
    subscriptionsChecked?: number;
  }

  interface ReconciliationReports {
    running: boolean;
    progress?: { checked: number; failed: number; started: number };
    report?: ReconciliationReport;
  }

  /** Where a view shows itself. `signal` is aborted when the reader goes elsewhere. */
  interface Page {
    main: HTMLElement;
    query: URLSearchParams;
    signal: AbortSignal;
  }
}
