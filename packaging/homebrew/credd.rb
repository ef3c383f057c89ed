# Template: the release fills in what stands between @ (see .github/workflows/release.yml).
class Credd < Formula
  desc "Local broker of temporary AWS credentials: MFA once a day, for every SDK"
  homepage "@HOMEPAGE@"
  url "@URL@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "node"

  def install
    system "npm", "install", *std_npm_args
    bin.install_symlink libexec.glob("bin/*")
    man1.install_symlink (libexec/"lib/node_modules/credd/dist/man").glob("*.1")
  end

  def caveats
    <<~TEXT
      To have credd at login, with the variables of your shell:
        credd service install
    TEXT
  end

  service do
    run [opt_libexec/"lib/node_modules/credd/daemon/launch.sh", Formula["node"].opt_bin/"node"]
    keep_alive crashed: true
    process_type :adaptive
    log_path var/"log/credd.log"
    error_log_path var/"log/credd.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/credd --version")
    ENV["CREDD_HOME"] = testpath/"credd"
    assert_match "not running", shell_output("#{bin}/credd status 2>&1", 3)
  end
end
