"""What GetFly says in `message`: Vietnamese or English (docs/vendors/getfly.md, 1)."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "updated": {"vi": "Cập nhật thành công", "en": "Update successful"},
    "created": {"vi": "Thêm mới thành công", "en": "Create successful"},
    "deleted": {"vi": "Xóa thành công", "en": "Delete successful"},
    "required": {"vi": "Thiếu thông tin bắt buộc", "en": "Required information is missing"},
    "invalid": {"vi": "Dữ liệu không hợp lệ", "en": "Invalid data"},
    "duplicate": {
        "vi": "Khách hàng không cho phép trùng: đã tồn tại",
        "en": "Duplicate customer: không cho phép trùng",
    },
    "duplicate_deal": {
        "vi": "Chiến dịch không cho phép trùng cơ hội",
        "en": "Duplicate opportunity: the campaign allows one for each customer",
    },
    "locked": {"vi": "Chiến dịch đã khóa", "en": "The campaign is locked"},
    "key": {"vi": "Chưa xác thực", "en": "Unauthenticated"},
    "method": {"vi": "Phương thức không được chấp nhận", "en": "The method is not accepted for this route"},
    "missing": {"vi": "Không tìm thấy", "en": "Not found"},
    "route": {"vi": "Route not found", "en": "Route not found"},
    "too_many": {"vi": "Too Many Attempts.", "en": "Too Many Attempts."},
    "broken": {"vi": "Server Error", "en": "Server Error"},
}


def text(name: str, language: object) -> str:
    """Return the message `name` in `language` ("vi", or English for anything else)."""
    return TEXTS[name]["vi" if language == "vi" else "en"]
