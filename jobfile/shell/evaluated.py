"""Variables whose values a loader, shell, interpreter or tool evaluates, and what it does with them.

One table for `env` and for assignments in scripts. The value of such a variable decides what runs.
Sources: ld.so(8), dash(1), bash(1), zshparam(1), git(1), less(1), make(1) and the interpreters' manuals.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from jobfile.model.regex import regex

FIXED_VALUES: Final = (
    "choose between fixed values:  {{ 'a' if params.x == 'a' else 'b' }}",
    "limit the values of the param:  enum: [a, b]",
)
"""What to write instead, in `env` and in scripts."""
_REASONS: Final[Mapping[str, str]] = {
    "the dynamic loader loads code from it": "LD_.+ DYLD_.+ _RLD_.+ LIBPATH SHLIB_PATH GLIBC_TUNABLES",
    "the C library loads code or data from it": "GCONV_PATH GETCONF_DIR LOCPATH NLSPATH HOSTALIASES "
    "RESOLV_HOST_CONF MALLOC_TRACE TERMCAP TERMINFO TERMINFO_DIRS TERMPATH",
    "programs are found through it": "PATH CDPATH EXECIGNORE BASH_LOADABLES_PATH FPATH",
    "a shell runs or expands it": "BASH_ENV ENV BASH_FUNC_.+ BASH_ALIASES BASH_CMDS BASH_XTRACEFD IFS "
    "PS[0-4] PROMPT PROMPT[2-4] RPROMPT2? PROMPT_COMMAND SHELLOPTS BASHOPTS BASH_COMPAT "
    "GLOBIGNORE INPUTRC ZDOTDIR MAILPATH FCEDIT",
    "programs read their settings from this folder, and some settings are commands": "HOME XDG_CONFIG_HOME "
    "XDG_CONFIG_DIRS CURL_HOME WGETRC PGSYSCONFDIR PSQLRC PGSERVICEFILE MYSQL_HOME "
    "RIPGREP_CONFIG_PATH ANSIBLE_CONFIG OPENSSL_CONF",
    "programs start it": "SHELL PAGER EDITOR VISUAL BROWSER MANPAGER "
    "(GIT|SYSTEMD|PSQL|AWS|GH|BAT|DELTA)_PAGER (GIT|GIT_SEQUENCE|SUDO|KUBE|PSQL|SYSTEMD|GH|SVN)_EDITOR "
    "SSH_ASKPASS SUDO_ASKPASS HGEDITOR HGMERGE CVSEDITOR CVS_RSH SVN_SSH RSYNC_RSH "
    "RSYNC_CONNECT_PROG BORG_RSH [A-Z]+_RSH [A-Z_]*PASSCOMMAND [A-Z_]*PASSWORD_COMMAND FZF_DEFAULT_COMMAND "
    "FZF_DEFAULT_OPTS TEXEDIT TAPE",
    "git runs commands from it": "GIT_[A-Z_]*COMMAND GIT_SSH GIT_SSH_VARIANT GIT_EXTERNAL_DIFF GIT_ASKPASS "
    "GIT_CONFIG GIT_CONFIG_.+ GIT_EXEC_PATH GIT_DIR GIT_COMMON_DIR GIT_TEMPLATE_DIR GIT_ALLOW_PROTOCOL "
    "GIT_PROTOCOL_FROM_USER GIT_PROXY_COMMAND",
    "less runs commands from it": "LESS LESS(OPEN|CLOSE|EDIT|KEY.*|SECURE) MORE",
    "make runs commands from it": "MAKEFLAGS GNUMAKEFLAGS MFLAGS MAKEFILES MAKEOVERRIDES",
    "tar, zip and others read options from it": "TAR_OPTIONS ZIPOPT UNZIP UNZIPOPT ZIPINFO RSYNC_PROXY",
    "Python loads code through it": "PYTHON[A-Z]+ PYTHON_PRESITE PYTHON_HISTORY PIP_CONFIG_FILE",
    "Perl loads code through it": "PERL5?[A-Z]+[A-Z_]* PERL_M[BM]_OPT PERL_[A-Z_]*ROOT PERL_[A-Z_]*ENGINE",
    "Ruby loads code through it": "RUBY[A-Z]+ GEM_HOME GEM_PATH BUNDLE_GEMFILE BUNDLE_PATH",
    "Node.js loads code through it": "NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE "
    "(?i:npm_config_(script_shell|shell|node_options|prefix|globalconfig|userconfig))",
    "Java loads code through it": "JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS "
    "JAVA_OPTS CLASSPATH JAVA_HOME CATALINA_OPTS MAVEN_OPTS MAVEN_ARGS GRADLE_OPTS SBT_OPTS ANT_OPTS "
    "JVM_OPTS",
    "Lua loads code through it": "LUA_INIT(_.+)? LUA_C?PATH(_.+)?",
    "R loads code through it": "R_PROFILE(_USER)? R_ENVIRON(_USER)? R_HOME R_LIBS(_.+)? R_DEFAULT_PACKAGES",
    "PHP loads code through it": "PHPRC PHP_INI_SCAN_DIR",
    "its language loads code through it": "JULIA_LOAD_PATH JULIA_DEPOT_PATH JULIA_PROJECT ERL_LIBS "
    "ERL_(A|Z)?FLAGS ELIXIR_ERL_OPTIONS DOTNET_STARTUP_HOOKS COR(ECLR)?_PROFILER.* CAML_LD_LIBRARY_PATH "
    "TCLLIBPATH TCL_LIBRARY GUILE_LOAD_(COMPILED_)?PATH AWKPATH AWKLIBPATH M4PATH BC_ENV_ARGS GOFLAGS "
    "RUSTFLAGS RUSTC(_.+)? CARGO_BUILD_RUSTC.*",
    "libraries load modules through it": "OPENSSL_ENGINES OPENSSL_MODULES GTK_MODULES GTK_PATH "
    "QT_PLUGIN_PATH GIO_EXTRA_MODULES GIO_MODULE_DIR GST_PLUGIN_PATH(_.+)? PKCS11_MODULE.*",
    "an editor runs commands from it": "VIMINIT EXINIT GVIMINIT VIM VIMRUNTIME MYVIMRC EMACSLOADPATH",
    "terraform reads options from it": "TF_CLI_ARGS(_.+)?",
}
"""What evaluates the variables, and patterns of their full names."""
_TABLE: Final = tuple(
    (regex("|".join(names.split()), re.ASCII), reason) for reason, names in _REASONS.items()
)


@lru_cache(maxsize=4096)
def evaluated_by(name: str) -> str:
    """What evaluates the variable with this name, as the end of a sentence; "" for an ordinary one."""
    return next((reason for names, reason in _TABLE if names.fullmatch(name)), "")
