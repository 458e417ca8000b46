"""Another value for each value of values.yaml: what manifests_test renders, one at a time."""

PEER = {"ipBlock": {"cidr": "192.0.2.0/24"}}
TOLERATION = {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}
SPREAD = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]}}
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
MORE = {"name": "more", "image": "more:1", "securityContext": RESTRICTED}

ALTERNATIVES = {
    "nameOverride": "other", "fullnameOverride": "ca", "commonLabels": {"team": "hpc"},
    "image.repository": "registry.example/signetd", "image.tag": "1.2.3", "image.digest": "sha256:" + "0" * 64, "image.pullPolicy": "Always",
    "adapterImage.repository": "registry.example/signet-slurm", "adapterImage.tag": "1.2.3", "adapterImage.digest": "sha256:" + "0" * 64,
    "adapterImage.pullPolicy": "Never", "imagePullSecrets": [{"name": "regcred"}],
    "cluster.name": "alpha", "slurm.namespace": "hpc", "slurm.release": "hpc", "slurm.fullname": "site", "slurm.external": True, "slurm.confServer": "ctl.example:6817", "slurm.nodesets": [], "slurm.loginsets": ["front", "back"],
    "bundlePin": "ab" * 32, "serviceCertificates": [],
    "kubernetes.serviceAccounts.slurm-ctld": None, "kubernetes.serviceAccounts.slurm-worker": "sackd", "kubernetes.serviceAccounts.slurm-login": None,
    "kubernetes.createServiceAccounts": False, "kubernetes.slurmdOwner": "any",
    "authority.subject": 'CN=Slurm CA,O=The \\"Example\\"', "authority.lifetime": "5y", "profiles.node.lifetime": "2d", "profiles.service.lifetime": "30d",
    "rotation.hold": "30d", "log.level": "debug", "limits.maxConcurrentCalls": 4096, "limits.messageBytes": 1048576,
    "limits.requestsPerKeyPerMinute": 120, "limits.unprovenFailuresPerMinute": 10000,
    "kek.existingSecret": "signet-kek", "kek.key": "signet.kek", "kek.copyImage": "registry.example/busybox@sha256:" + "0" * 64,
    "persistence.size": "20Gi", "persistence.storageClassName": "fast", "persistence.accessModes": ["ReadWriteOncePod"], "persistence.annotations": {"a": "b"},
    "serviceAccount.create": False, "serviceAccount.name": "signetd", "serviceAccount.annotations": {"a": "b"}, "rbac.create": False,
    "service.type": "LoadBalancer", "service.annotations": {"a": "b"}, "service.externalTrafficPolicy": "Local", "service.nodePort": 30843,
    "service.loadBalancerSourceRanges": ["192.0.2.0/24"], "service.loadBalancerClass": "example.com/inside", "service.extraNames": ["ca.example"],
    "networkPolicy.enabled": False, "networkPolicy.slurmPodSelector": {"matchLabels": {"app.kubernetes.io/name": "slurmctld"}}, "networkPolicy.metricsNamespaceSelector.matchLabels.kubernetes.io/metadata.name": "observability",
    "networkPolicy.extraGrpcFrom": [PEER], "networkPolicy.dnsPorts": [53, 5353], "networkPolicy.apiServerCidrs": ["192.0.2.1/32"], "networkPolicy.apiServerPorts": [8443],
    "metrics.serviceMonitor.enabled": True, "metrics.serviceMonitor.labels": {"release": "prometheus"}, "metrics.serviceMonitor.interval": "1m",
    "metrics.serviceMonitor.scrapeTimeout": "5s", "metrics.prometheusRule.enabled": True, "metrics.prometheusRule.labels": {"release": "prometheus"},
    "metrics.dashboard.enabled": True, "metrics.dashboard.labels.grafana_dashboard": "yes", "metrics.dashboard.annotations": {"folder": "Slurm"},
    "probes.startup.periodSeconds": 6, "probes.startup.timeoutSeconds": 6, "probes.startup.failureThreshold": 61,
    "probes.readiness.periodSeconds": 11, "probes.readiness.timeoutSeconds": 6, "probes.readiness.failureThreshold": 4,
    "probes.liveness.periodSeconds": 31, "probes.liveness.timeoutSeconds": 11, "probes.liveness.failureThreshold": 11,
    "terminationGracePeriodSeconds": 60,
    "resources.requests.cpu": 1, "resources.requests.memory": "256Mi", "resources.limits.memory": "1Gi",
    "podSecurityContext.runAsNonRoot": None, "podSecurityContext.runAsUser": 20000, "podSecurityContext.runAsGroup": 20000, "podSecurityContext.fsGroup": 20000,
    "podSecurityContext.fsGroupChangePolicy": None, "podSecurityContext.seccompProfile.type": "Localhost",
    "securityContext.allowPrivilegeEscalation": True, "securityContext.readOnlyRootFilesystem": False, "securityContext.capabilities.drop": ["NET_RAW"],
    "podLabels": {"team": "hpc"}, "podAnnotations": {"a": "b"}, "nodeSelector": {"disk": "ssd"}, "tolerations": [TOLERATION], "affinity": {"nodeAffinity": AFFINITY},
    "topologySpreadConstraints": [SPREAD], "priorityClassName": "system-cluster-critical",
    "extraEnv": [{"name": "A", "value": "b"}], "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}], "extraContainers": [MORE], "extraInitContainers": [{**MORE, "name": "more-init"}],
    "extraObjects": ["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}-more\", namespace: signet}", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-map", "namespace": "signet"}}],
    "tests.enabled": False, "tests.slurmImages": ["registry.example/slurmd:25.11-s2n", "registry.example/login@sha256:" + "0" * 64],
    "tests.resources.requests.cpu": "20m", "tests.resources.requests.memory": "64Mi", "tests.resources.limits.memory": "256Mi",
}

OUTSIDE = {"service": {"type": "LoadBalancer"}}

# What a value needs beside itself to matter.
BESIDE = {
    "slurm.external": {"cluster": {"name": "alpha"}, "slurm": {"confServer": "ctl.example:6817"}, "serviceCertificates": ["slurmdbd", "slurmrestd"]},
    "service.externalTrafficPolicy": OUTSIDE, "service.nodePort": OUTSIDE, "service.loadBalancerSourceRanges": OUTSIDE, "service.loadBalancerClass": OUTSIDE,
    "kek.key": {"kek": {"existingSecret": "signet-kek"}},
    "serviceAccount.create": {"serviceAccount": {"name": "signetd"}},
    "metrics.serviceMonitor.": {"metrics": {"serviceMonitor": {"enabled": True}}},
    "metrics.prometheusRule.labels": {"metrics": {"prometheusRule": {"enabled": True}}},
    "metrics.dashboard.labels.": {"metrics": {"dashboard": {"enabled": True}}},
    "metrics.dashboard.annotations": {"metrics": {"dashboard": {"enabled": True}}},
    "podSecurityContext.seccompProfile.type": {"podSecurityContext": {"seccompProfile": {"localhostProfile": "signet.json"}}},
    "extraVolumeMounts": {"extraVolumes": [{"name": "more", "emptyDir": {}}]},
}

# Ways to weaken a pod: still valid, no longer restricted.
WEAKER = {"podSecurityContext.runAsNonRoot", "securityContext.allowPrivilegeEscalation", "securityContext.capabilities.drop"}


def beside(path):
    if path.endswith(".enabled"):
        return {}
    found = [values for prefix, values in BESIDE.items() if path == prefix or prefix.endswith(".") and path.startswith(prefix)]
    return found[0] if found else {}
