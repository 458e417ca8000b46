#include "services/keys/sealed/sealed_custody.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/openssl.h"
#include "services/keys/private_key.h"

namespace signet::keys::sealed {
namespace {

constexpr char kCustodyName[] = "sealed";
constexpr char kVersion = 1;
constexpr std::size_t kKekBytes = 32;
constexpr std::size_t kNonceBytes = 12;  // NIST SP 800-38D section 8.2.2
constexpr std::size_t kTagBytes = 16;

const unsigned char* In(absl::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* Out(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

absl::Status CheckLabel(absl::string_view label) {
  if (!label.empty() && label.find('\0') == absl::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("key label: must not be empty or hold a NUL");
}

std::string AuthenticatedData(absl::string_view label, absl::string_view spki_der) {
  return absl::StrCat(label, absl::string_view("\0", 1), spki_der);
}

absl::Status WillNotOpen(absl::string_view label, absl::string_view why) {
  ERR_clear_error();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("the sealed key \"", label, "\" does not open: ", why),
                       "give signetd the key-encryption key that this store was made with (keys.kek_file)");
}

// Starts AES-256-GCM in the direction given; nullptr when OpenSSL cannot.
CipherCtxPtr Begin(const base::SecretBytes& kek, absl::string_view nonce, absl::string_view authenticated,
                   bool encrypting) {
  CipherCtxPtr context(EVP_CIPHER_CTX_new());
  int length = 0;
  if (context == nullptr ||
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, In(kek.ExposeSecret()), In(nonce),
                        encrypting ? 1 : 0) != 1 ||
      EVP_CipherUpdate(context.get(), nullptr, &length, In(authenticated), static_cast<int>(authenticated.size())) !=
          1) {
    return nullptr;
  }
  return context;
}

absl::StatusOr<std::string> Seal(const base::SecretBytes& kek, absl::string_view nonce, absl::string_view authenticated,
                                 const base::SecretBytes& plain) {
  const CipherCtxPtr context = Begin(kek, nonce, authenticated, true);
  std::string ciphertext(plain.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int length = 0;
  int rest = 0;
  if (context == nullptr ||
      EVP_CipherUpdate(context.get(), Out(ciphertext), &length, In(plain.ExposeSecret()),
                       static_cast<int>(plain.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), Out(ciphertext) + length, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) != 1) {
    return OpensslFailed("seal a key");
  }
  return absl::StrCat(absl::string_view(&kVersion, 1), nonce, ciphertext, tag);
}

// INTERNAL on OpenSSL's failure; UNAUTHENTICATED when the tag does not hold.
absl::StatusOr<base::SecretBytes> Unseal(const base::SecretBytes& kek, absl::string_view handle,
                                         absl::string_view authenticated) {
  const absl::string_view nonce = handle.substr(1, kNonceBytes);
  const absl::string_view ciphertext = handle.substr(1 + kNonceBytes, handle.size() - 1 - kNonceBytes - kTagBytes);
  std::string tag(handle.substr(handle.size() - kTagBytes));
  const CipherCtxPtr context = Begin(kek, nonce, authenticated, false);
  if (context == nullptr) return OpensslFailed("begin to open a sealed key");
  std::string plain(ciphertext.size(), '\0');
  int length = 0;
  int rest = 0;
  const bool opened =
      EVP_CipherUpdate(context.get(), Out(plain), &length, In(ciphertext), static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_CipherFinal_ex(context.get(), Out(plain) + length, &rest) == 1;
  // Taken before the verdict: unauthenticated plain text is wiped too.
  base::SecretBytes secret = base::SecretBytes::Take(plain);
  if (!opened) return absl::UnauthenticatedError("tag");
  return secret;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SealedCustody>> SealedCustody::Create(base::SecretBytes kek, base::Random& random) {
  if (kek.size() != kKekBytes) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         "key-encryption key: must have 32 bytes");
  }
  return std::unique_ptr<SealedCustody>(new SealedCustody(std::move(kek), random));
}

absl::StatusOr<CustodyKey> SealedCustody::Create(absl::string_view label) {
  SIGNET_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(x509::KeyType::kEcP256));
  return Adopt(label, key);
}

absl::StatusOr<CustodyKey> SealedCustody::Adopt(absl::string_view label, const PrivateKey& key) {
  SIGNET_RETURN_IF_ERROR(CheckLabel(label));
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes plain, key.ToPkcs8Der());
  const std::string& spki_der = key.public_key().spki_der();
  SIGNET_ASSIGN_OR_RETURN(std::string handle,
                          Seal(kek_, random_.Bytes(kNonceBytes), AuthenticatedData(label, spki_der), plain));
  return CustodyKey{kCustodyName, std::move(handle), spki_der};
}

absl::StatusOr<std::shared_ptr<const Signer>> SealedCustody::Open(absl::string_view label, const CustodyKey& key) {
  SIGNET_RETURN_IF_ERROR(CheckLabel(label));
  if (key.custody != kCustodyName) return WillNotOpen(label, "its custody is not \"sealed\"");
  if (key.handle.size() <= 1 + kNonceBytes + kTagBytes) return WillNotOpen(label, "its handle is cut short");
  if (key.handle[0] != kVersion) return WillNotOpen(label, "its handle's version is unknown");
  auto plain = Unseal(kek_, key.handle, AuthenticatedData(label, key.spki_der));
  if (absl::IsUnauthenticated(plain.status())) {
    return WillNotOpen(label,
                       "the key-encryption key is another one, or the stored label, public key or handle was altered");
  }
  SIGNET_RETURN_IF_ERROR(plain.status());
  auto opened = PrivateKey::FromPkcs8Der(*plain);
  if (!opened.ok()) return WillNotOpen(label, "its content is not a private key");
  if (opened->public_key().spki_der() != key.spki_der) return WillNotOpen(label, "it is not the stored public key's");
  return std::make_shared<const PrivateKey>(*std::move(opened));
}

}  // namespace signet::keys::sealed
